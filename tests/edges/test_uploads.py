import base64

import respx

from agent.edges.tus import TusClient
from agent.edges.uploads import TusArtifactSink
from agent.model.artifact import Artifact
from agent.model.ids import Bytes, Digest
from agent.ports import Upload
from tests.edges.server import SERVER, connected

PLACE = f"{SERVER}/v1/leases/l1/artifacts"
UPLOAD = f"{PLACE}/u1"
ARTIFACT = Artifact("pages/1.md", "text/markdown", Bytes(3), Digest("0" * 64))


@respx.mock
async def test_an_artifact_is_announced_by_its_line_of_the_manifest() -> None:
    told = {"Location": UPLOAD, "Upload-Offset": "3"}
    route = respx.post(PLACE).respond(201, headers=told)

    async with connected() as connection:
        sink = TusArtifactSink(TusClient(connection))
        upload = await sink.create(PLACE, ARTIFACT, b"abc")

    pairs = route.calls.last.request.headers["upload-metadata"].split(",")
    metadata = {key: base64.b64decode(value) for key, value in map(str.split, pairs)}
    assert metadata == {
        "name": b"pages/1.md",
        "media_type": b"text/markdown",
        "sha256": b"0" * 64,
        # For servers that are not ours.
        "filename": b"pages/1.md",
        "filetype": b"text/markdown",
    }
    assert route.calls.last.request.headers["upload-length"] == "3"
    assert upload == Upload(UPLOAD, Bytes(3))


@respx.mock
async def test_an_artifact_goes_on_where_the_server_is() -> None:
    respx.head(UPLOAD).respond(200, headers={"Upload-Offset": "1"})
    route = respx.patch(UPLOAD).respond(204, headers={"Upload-Offset": "3"})

    async with connected() as connection:
        sink = TusArtifactSink(TusClient(connection))
        offset = await sink.offset(UPLOAD)
        end = await sink.append(UPLOAD, offset, b"bc")

    assert (offset, end) == (1, 3)
    assert route.calls.last.request.headers["upload-offset"] == "1"
