import asyncio
import base64
import hashlib

import httpx
import pytest
import respx

from agent.edges.http import Connection, Sockets
from agent.edges.tus import TusClient
from agent.model.errors import (
    LeaseLostError,
    OffsetMismatchError,
    ServerUnavailableError,
    TooLargeError,
    UploadGoneError,
)
from agent.model.ids import Bytes
from agent.ports import Upload
from tests.edges.server import BOOT, SERVER, TOKEN, connected, problem
from tests.fakes.raw_http import Reply, raw_server

PLACE = f"{SERVER}/v1/leases/l1/artifacts"
UPLOAD = f"{PLACE}/u1"
LOCATION = "/v1/leases/l1/artifacts/u1"


def created(offset: int | None) -> httpx.Response:
    told = {} if offset is None else {"Upload-Offset": str(offset)}
    return httpx.Response(201, headers={"Location": LOCATION, **told})


async def create(first: bytes = b"") -> Upload:
    async with connected() as connection:
        tus = TusClient(connection, {"Agent-Boot-Id": BOOT})
        return await tus.create(
            "/v1/leases/l1/artifacts", size=10, metadata={"name": "ä.md"}, first=first
        )


async def append(data: bytes = b"abc", offset: int = 4) -> Bytes:
    async with connected() as connection:
        return await TusClient(connection).append(UPLOAD, Bytes(offset), data)


async def ask_offset() -> Bytes:
    async with connected() as connection:
        return await TusClient(connection, {"Agent-Boot-Id": BOOT}).offset(UPLOAD)


@respx.mock
async def test_an_upload_is_announced_with_its_size_and_its_metadata() -> None:
    route = respx.post(PLACE).mock(return_value=created(0))

    await create()

    headers = route.calls.last.request.headers
    assert headers["upload-length"] == "10"
    assert headers["upload-metadata"] == "name " + base64.b64encode("ä.md".encode()).decode()
    assert headers["tus-resumable"] == "1.0.0"


@respx.mock
async def test_the_first_bytes_go_with_the_announcement() -> None:
    route = respx.post(PLACE).mock(return_value=created(3))

    upload = await create(b"abc")

    sent = route.calls.last.request
    assert (sent.content, sent.headers["content-type"]) == (
        b"abc",
        "application/offset+octet-stream",
    )
    assert upload == Upload(UPLOAD, Bytes(3))


@respx.mock
async def test_an_announcement_without_bytes_names_no_content() -> None:
    route = respx.post(PLACE).mock(return_value=created(0))

    await create()

    assert "content-type" not in route.calls.last.request.headers


@respx.mock
async def test_an_upload_that_exists_tells_how_far_it_is() -> None:
    respx.post(PLACE).mock(return_value=created(7))

    assert (await create(b"abc")).offset == 7


@respx.mock
async def test_a_server_that_does_not_tell_the_offset_is_asked() -> None:
    respx.post(PLACE).mock(return_value=created(None))
    respx.head(UPLOAD).respond(200, headers={"Upload-Offset": "5"})

    assert (await create(b"abc")).offset == 5


@respx.mock
async def test_an_upload_without_an_address_is_transient() -> None:
    respx.post(PLACE).respond(201, headers={"Upload-Offset": "0"})

    with pytest.raises(ServerUnavailableError, match="without an address"):
        await create()


@respx.mock
async def test_the_boot_and_the_token_go_with_every_request() -> None:
    route = respx.head(UPLOAD).respond(200, headers={"Upload-Offset": "5"})

    await ask_offset()

    headers = route.calls.last.request.headers
    assert (headers["agent-boot-id"], headers["authorization"]) == (BOOT, f"Bearer {TOKEN}")


@respx.mock
async def test_bytes_are_appended_with_their_offset_and_checksum() -> None:
    route = respx.patch(UPLOAD).respond(204, headers={"Upload-Offset": "7"})

    offset = await append(b"abc", 4)

    sent = route.calls.last.request
    digest = base64.b64encode(hashlib.sha256(b"abc").digest()).decode()
    assert (sent.content, sent.headers["upload-offset"]) == (b"abc", "4")
    assert sent.headers["content-type"] == "application/offset+octet-stream"
    assert sent.headers["upload-checksum"] == f"sha256 {digest}"
    assert offset == 7


@respx.mock
async def test_the_servers_word_on_the_offset_is_taken() -> None:
    respx.patch(UPLOAD).respond(204, headers={"Upload-Offset": "5"})

    assert await append(b"abc", 4) == 5


@pytest.mark.parametrize("told", ["", "-1", "many", "1.5", "9" * 5000, "1 2"])
@respx.mock
async def test_an_offset_that_makes_no_sense_is_transient(told: str) -> None:
    respx.patch(UPLOAD).respond(204, headers={"Upload-Offset": told})

    with pytest.raises(ServerUnavailableError, match="Upload-Offset"):
        await append()


@respx.mock
async def test_an_answer_without_an_offset_is_transient() -> None:
    respx.patch(UPLOAD).respond(200, content=b"<html>")

    with pytest.raises(ServerUnavailableError, match="Upload-Offset"):
        await append()


@pytest.mark.parametrize("status", [404, 410])
@respx.mock
async def test_an_upload_that_head_does_not_find_is_gone(status: int) -> None:
    """An answer to HEAD has no body, so no code can say it."""
    respx.head(UPLOAD).respond(status)

    with pytest.raises(UploadGoneError):
        await ask_offset()


@pytest.mark.parametrize("status", [401, 409, 500, 302])
@respx.mock
async def test_any_other_refusal_of_head_is_transient(status: int) -> None:
    respx.head(UPLOAD).respond(status)

    with pytest.raises(ServerUnavailableError, match=str(status)):
        await ask_offset()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("unknown_upload", UploadGoneError),
        ("offset_mismatch", OffsetMismatchError),
        ("checksum_mismatch", OffsetMismatchError),
        ("lease_lost", LeaseLostError),
        ("disk_full", ServerUnavailableError),
        ("too_large", TooLargeError),
    ],
)
@respx.mock
async def test_the_server_says_why_it_refuses_bytes(code: str, kind: type[Exception]) -> None:
    respx.options(UPLOAD).respond(405)
    respx.patch(UPLOAD).mock(return_value=problem(code))

    with pytest.raises(kind):
        await append()


def without_checksums(request: httpx.Request) -> httpx.Response:
    """As @tus/server does, which knows no checksums."""
    if "upload-checksum" in request.headers:
        return httpx.Response(400, content=b"Invalid upload-checksum")
    return httpx.Response(204, headers={"Upload-Offset": "7"})


@respx.mock
async def test_a_server_that_cannot_check_is_sent_no_checksum_again() -> None:
    respx.options(UPLOAD).respond(204, headers={"Tus-Extension": "creation,termination"})
    route = respx.patch(UPLOAD).mock(side_effect=without_checksums)

    async with connected() as connection:
        tus = TusClient(connection)
        with pytest.raises(ServerUnavailableError):
            await tus.append(UPLOAD, Bytes(4), b"abc")
        assert await tus.append(UPLOAD, Bytes(4), b"abc") == 7

    assert route.call_count == 2


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("sha1,md5", "sha1"),
        ("md5, sha256 ,sha1", "sha256"),
        ("md5", None),
        ("", None),
    ],
)
@respx.mock
async def test_of_what_a_server_can_check_the_best_is_taken(told: str, wanted: str | None) -> None:
    headers = {"Tus-Extension": "creation, checksum", "Tus-Checksum-Algorithm": told}
    respx.options(UPLOAD).respond(204, headers=headers)
    route = respx.patch(UPLOAD).respond(400)

    async with connected() as connection:
        tus = TusClient(connection)
        for _ in range(2):
            with pytest.raises(ServerUnavailableError):
                await tus.append(UPLOAD, Bytes(4), b"abc")

    sent = route.calls.last.request.headers.get("upload-checksum")
    digest = wanted and base64.b64encode(hashlib.new(wanted, b"abc").digest()).decode()
    assert sent == (wanted and f"{wanted} {digest}")


@pytest.mark.parametrize("status", [204, 404, 500])
@respx.mock
async def test_something_that_does_not_speak_tus_says_nothing_about_checksums(status: int) -> None:
    asked = respx.options(UPLOAD).respond(status)
    route = respx.patch(UPLOAD).respond(502)

    async with connected() as connection:
        tus = TusClient(connection)
        for _ in range(2):
            with pytest.raises(ServerUnavailableError):
                await tus.append(UPLOAD, Bytes(4), b"abc")

    assert "upload-checksum" in route.calls.last.request.headers
    assert asked.call_count == 2


@respx.mock
async def test_a_connection_that_breaks_says_nothing_about_checksums() -> None:
    asked = respx.options(UPLOAD).respond(204)
    respx.patch(UPLOAD).mock(side_effect=httpx.ReadError("reset"))

    with pytest.raises(ServerUnavailableError):
        await append()

    assert not asked.called


@respx.mock
async def test_a_stranger_gets_neither_our_token_nor_our_boot() -> None:
    route = respx.post("https://files.example/u").mock(return_value=created(0))

    async with connected() as connection:
        tus = TusClient(connection, {"Agent-Boot-Id": BOOT})
        await tus.create("https://files.example/u", size=10, metadata={"name": "a"})

    headers = route.calls.last.request.headers
    assert not {"authorization", "agent-boot-id"} & set(headers)
    assert headers["tus-resumable"] == "1.0.0"


@respx.mock
async def test_first_bytes_are_sent_with_their_checksum_too() -> None:
    route = respx.post(PLACE).mock(return_value=created(3))

    await create(b"abc")

    digest = base64.b64encode(hashlib.sha256(b"abc").digest()).decode()
    assert route.calls.last.request.headers["upload-checksum"] == f"sha256 {digest}"


@respx.mock
async def test_a_part_says_its_length() -> None:
    """Some servers want to know it; what comes in pieces of unknown number is refused by them."""
    route = respx.patch(UPLOAD).respond(204, headers={"Upload-Offset": "7"})

    await append(b"abc" * 100_000)

    headers = route.calls.last.request.headers
    assert headers["content-length"] == "300000"
    assert "transfer-encoding" not in headers


@respx.mock
async def test_where_the_server_is_is_answered_within_a_minute() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(36_000)
        return httpx.Response(200)

    respx.head(UPLOAD).mock(side_effect=hang)

    with pytest.raises(ServerUnavailableError, match="60 s"):
        await ask_offset()

    assert asyncio.get_running_loop().time() == 60.0


@respx.mock
async def test_a_proxy_that_finds_a_part_too_large_is_heard() -> None:
    respx.patch(UPLOAD).respond(413, content=b"<html>")

    with pytest.raises(TooLargeError):
        await append()


@respx.mock
async def test_a_part_that_does_not_move_for_a_minute_is_given_up() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(36_000)
        return httpx.Response(204)

    respx.patch(UPLOAD).mock(side_effect=hang)

    with pytest.raises(ServerUnavailableError):
        await append(b"a" * 10 * 1024)

    assert asyncio.get_running_loop().time() == 60.0


class Sipping(httpx.AsyncBaseTransport):
    """A link that takes a piece of the request every 59 seconds."""

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        assert isinstance(request.stream, httpx.AsyncByteStream)
        async for _ in request.stream:
            await asyncio.sleep(59)
        nothing = httpx.ByteStream(b"")
        return httpx.Response(204, headers={"Upload-Offset": "4"}, stream=nothing)


async def test_a_part_that_moves_has_the_time_of_the_slowest_link() -> None:
    connection = Connection(SERVER, TOKEN, sockets=Sockets(transport=Sipping))
    tus = TusClient(connection)

    assert await tus.append(UPLOAD, Bytes(0), bytes(10 * 64 * 1024)) == 4

    assert asyncio.get_running_loop().time() == 590.0


@pytest.mark.real_time
async def test_an_upload_goes_over_a_real_socket() -> None:
    async with (
        raw_server(Reply(204, {"Upload-Offset": "3"})) as server,
        connected(server.url) as connection,
    ):
        offset = await TusClient(connection).append(f"{server.url}/u1", Bytes(0), b"abc")

        assert (offset, server.requests[0].body) == (3, b"abc")


@pytest.mark.real_time
async def test_a_broken_connection_leaves_the_offset_to_be_asked() -> None:
    async with (
        raw_server(Reply(200, {"Upload-Offset": "3"}, b"abc", cut_after=0)) as server,
        connected(server.url) as connection,
    ):
        with pytest.raises(ServerUnavailableError):
            await TusClient(connection).append(f"{server.url}/u1", Bytes(0), b"abc")
