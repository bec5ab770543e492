import base64
import hashlib

import httpx
import pytest
import respx

from agent.core.upload_plan import SendPart, UploadPlan, UploadWhole
from agent.edges.tus import TusClient
from agent.edges.uploads import TusArtifactSink
from agent.model.artifact import ARTIFACT_NAME, Artifact
from agent.model.errors import ArtifactsRefusedError, OffsetMismatchError, UploadGoneError
from agent.model.ids import Bytes, Digest
from tests.edges.server import BOOT, SERVER, connected, problem
from tests.protocol.agent_side import L1, LEASE, NO_RESULT, agent_side

PLACE = f"{LEASE}/artifacts"
UPLOAD = f"{PLACE}/u1"
CONTENT = b"0123456789"
ARTIFACT = Artifact("a.md", "text/markdown", Bytes(10), Digest("0" * 64))


async def upload(first: bytes = b"") -> Bytes:
    """Announce, then append where the server says it is, until it has every byte."""
    async with connected() as connection:
        sink = TusArtifactSink(TusClient(connection, {"Agent-Boot-Id": BOOT}))
        created = await sink.create(PLACE, ARTIFACT, first)
        plan, offset = UploadPlan(Bytes(10)), created.offset
        while isinstance(step := plan.next_step(offset), SendPart):
            data = CONTENT[step.offset : step.offset + step.length]
            offset = await sink.append(created.url, step.offset, data)
        return offset


def created(offset: int) -> httpx.Response:
    return httpx.Response(201, headers={"Location": UPLOAD, "Upload-Offset": str(offset)})


@respx.mock
async def test_an_upload_is_created_then_patched() -> None:
    respx.post(PLACE).mock(return_value=created(0))
    patched = respx.patch(UPLOAD).respond(204, headers={"Upload-Offset": "10"})

    assert await upload() == 10
    assert patched.calls.last.request.content == CONTENT


@respx.mock
async def test_an_upload_that_exists_goes_on_where_it_is() -> None:
    respx.post(PLACE).mock(return_value=created(7))
    patched = respx.patch(UPLOAD).respond(204, headers={"Upload-Offset": "10"})

    await upload()

    assert patched.calls.last.request.content == b"789"


@respx.mock
async def test_an_upload_that_is_whole_is_not_sent_again() -> None:
    respx.post(PLACE).mock(return_value=created(10))

    assert await upload(CONTENT) == 10


@respx.mock
async def test_every_upload_request_names_tus_and_the_boot() -> None:
    respx.post(PLACE).mock(return_value=created(0))
    respx.patch(UPLOAD).respond(204, headers={"Upload-Offset": "10"})

    await upload()

    told = [
        (call.request.headers["tus-resumable"], call.request.headers["agent-boot-id"])
        for call in respx.calls
    ]
    assert told == [("1.0.0", BOOT)] * 2


@respx.mock
async def test_every_part_carries_its_checksum() -> None:
    respx.post(PLACE).mock(return_value=created(7))
    patched = respx.patch(UPLOAD).respond(204, headers={"Upload-Offset": "10"})

    await upload()

    name, digest = patched.calls.last.request.headers["upload-checksum"].split(" ")
    assert (name, base64.b64decode(digest)) == ("sha256", hashlib.sha256(b"789").digest())


@respx.mock
async def test_a_wrong_checksum_is_answered_by_asking_where_the_server_is() -> None:
    respx.post(PLACE).mock(return_value=created(0))
    respx.patch(UPLOAD).mock(return_value=problem("checksum_mismatch"))

    with pytest.raises(OffsetMismatchError):
        await upload()


@respx.mock
async def test_a_forgotten_upload_is_to_be_created_again() -> None:
    respx.post(PLACE).mock(return_value=created(0))
    respx.patch(UPLOAD).mock(return_value=problem("unknown_upload"))

    with pytest.raises(UploadGoneError):
        await upload()


def test_413_halves_the_part() -> None:
    plan = UploadPlan(Bytes(10**9))
    before = plan.next_step(Bytes(0))

    plan.on_too_large()

    after = plan.next_step(Bytes(0))
    assert isinstance(before, SendPart)
    assert isinstance(after, SendPart)
    assert after.length * 2 == before.length


def test_an_upload_is_whole_when_the_server_says_so() -> None:
    assert UploadPlan(Bytes(10)).next_step(Bytes(10)) == UploadWhole()


@pytest.mark.parametrize("name", ["a.md", "pages/a.md"])
def test_names_may_lie_under_one_folder(name: str) -> None:
    assert ARTIFACT_NAME.fullmatch(name)


@pytest.mark.parametrize("code", ["artifact_missing", "artifact_mismatch"])
@respx.mock
async def test_complete_may_ask_for_artifacts_again(code: str) -> None:
    respx.post(f"{LEASE}/complete").mock(return_value=problem(code, artifacts=["a.md"]))

    async with agent_side() as server:
        with pytest.raises(ArtifactsRefusedError) as caught:
            await server.complete(L1, NO_RESULT)

    assert caught.value.names == ("a.md",)


@respx.mock
async def test_an_artifacts_url_may_be_relative() -> None:
    route = respx.post(PLACE).mock(return_value=created(10))

    async with connected() as connection:
        sink = TusArtifactSink(TusClient(connection))
        await sink.create(PLACE.removeprefix(SERVER), ARTIFACT, b"")

    assert route.call_count == 1
