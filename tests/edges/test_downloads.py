import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx
import pytest
import respx

from agent.edges.downloads import NOWHERE, HttpInputSource
from agent.model.errors import (
    CredentialsRefusedError,
    InputUnavailableError,
    LeaseLostError,
    RequestRefusedError,
    ServerUnavailableError,
)
from agent.model.ids import Bytes
from agent.ports import Body, NothingLeft, Opened, Part, Whole
from tests.edges.server import BOOT, SERVER, TOKEN, connected, problem
from tests.fakes.raw_http import RawServer, Reply, Request, raw_server

INPUT = f"{SERVER}/v1/leases/l1/input"
ELSEWHERE = "https://files.example/a.mp3?sig=abc"
ETAG = '"v1"'


class Stream(httpx.AsyncByteStream):
    def __init__(self, pieces: AsyncIterator[bytes]) -> None:
        self._pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for piece in self._pieces:
            yield piece


@dataclass
class Fetched:
    opened: Opened
    body: bytes


async def fetch(url: str = INPUT, *, offset: int = 0, etag: str | None = None) -> Fetched:
    async with connected() as connection:
        source = HttpInputSource(connection, {"Agent-Boot-Id": BOOT})
        async with source.open(url, offset=offset, etag=etag) as body:
            return Fetched(body.opened, b"".join([chunk async for chunk in body.chunks()]))


async def take(body: Body, taken: list[bytes]) -> None:
    async for chunk in body.chunks():
        taken.append(chunk)  # noqa: PERF401 - a comprehension would lose them


async def fetch_raw(server: RawServer, *, offset: int = 0) -> Fetched:
    async with connected(server.url) as connection:
        source = HttpInputSource(connection)
        async with source.open("/input", offset=offset, etag=None) as body:
            return Fetched(body.opened, b"".join([chunk async for chunk in body.chunks()]))


def part(content_range: str) -> httpx.Response:
    headers = {"Content-Range": content_range, "ETag": ETAG}
    return httpx.Response(206, headers=headers, content=b"defghi")


@respx.mock
async def test_an_input_comes_whole_with_its_size_and_version() -> None:
    respx.get(INPUT).respond(200, headers={"ETag": ETAG}, content=b"abc")

    assert await fetch() == Fetched(Whole(Bytes(3), ETAG), b"abc")


@respx.mock
async def test_the_first_request_asks_for_no_range() -> None:
    route = respx.get(INPUT).respond(200)

    await fetch(etag=ETAG)

    assert not {"range", "if-range"} & set(route.calls.last.request.headers)


@respx.mock
async def test_a_cut_input_is_asked_for_from_where_it_was_cut() -> None:
    route = respx.get(INPUT).mock(return_value=part("bytes 3-8/9"))

    fetched = await fetch(offset=3, etag=ETAG)

    headers = route.calls.last.request.headers
    assert (headers["range"], headers["if-range"]) == ("bytes=3-", ETAG)
    assert fetched == Fetched(Part(Bytes(3), Bytes(9), ETAG), b"defghi")


@pytest.mark.parametrize("etag", [None, 'W/"v1"', '"vé"'])
@respx.mock
async def test_a_tag_that_cannot_be_compared_is_not_sent(etag: str | None) -> None:
    route = respx.get(INPUT).mock(return_value=part("bytes 3-8/9"))

    await fetch(offset=3, etag=etag)

    assert "if-range" not in route.calls.last.request.headers


@respx.mock
async def test_a_part_need_not_tell_its_whole() -> None:
    respx.get(INPUT).mock(return_value=part("bytes 3-8/*"))

    assert (await fetch(offset=3, etag=ETAG)).opened == Part(Bytes(3), None, ETAG)


@pytest.mark.parametrize(
    ("content_range", "total"),
    [
        ("", None),
        ("bytes */9", None),
        ("bytes 3-/9", None),
        ("bytes -8/9", None),
        ("lines 3-8/9", None),
        ("bytes=3-8/9", None),
        ("bytes 3-8", None),
        ("bytes 3-8/9, bytes 3-8/9", None),
        (f"bytes {'9' * 5000}-9/9", None),
        ("bytes 8-3/9", 9),
        ("bytes 3-9/9", 9),
        ("bytes 3-8/0", 0),
        ("bytes 3-4/9", 9),
        ("bytes 3-9/*", None),
    ],
)
@respx.mock
async def test_a_part_that_does_not_fit_where_it_says_belongs_nowhere(
    content_range: str, total: Bytes | None
) -> None:
    respx.get(INPUT).mock(return_value=part(content_range))

    assert (await fetch(offset=3, etag=ETAG)).opened == Part(NOWHERE, total, ETAG)


@respx.mock
async def test_parts_that_come_several_at_once_belong_nowhere() -> None:
    headers = {"Content-Type": "multipart/byteranges; boundary=x", "ETag": ETAG}
    respx.get(INPUT).respond(206, headers=headers, content=b"--x")

    assert (await fetch(offset=3, etag=ETAG)).opened == Part(NOWHERE, None, ETAG)


@pytest.mark.parametrize(
    ("headers", "total"),
    [
        ({"Content-Range": "bytes */9"}, 9),
        ({"Content-Range": "*/9"}, 9),
        ({}, None),
        ({"Content-Range": "?"}, None),
    ],
)
@respx.mock
async def test_a_source_may_have_nothing_left(headers: dict[str, str], total: Bytes | None) -> None:
    respx.get(INPUT).respond(416, headers=headers)

    assert (await fetch(offset=9, etag=ETAG)).opened == NothingLeft(total)


@respx.mock
async def test_the_servers_own_input_gets_the_token_and_the_boot() -> None:
    route = respx.get(INPUT).respond(200)

    await fetch("/v1/leases/l1/input")

    headers = route.calls.last.request.headers
    assert (headers["authorization"], headers["agent-boot-id"]) == (f"Bearer {TOKEN}", BOOT)


@respx.mock
async def test_a_strangers_input_gets_neither() -> None:
    route = respx.get(ELSEWHERE).respond(200)

    await fetch(ELSEWHERE)

    assert not {"authorization", "agent-boot-id"} & set(route.calls.last.request.headers)


@respx.mock
async def test_a_redirect_to_a_stranger_takes_neither_along() -> None:
    respx.get(INPUT).respond(307, headers={"Location": ELSEWHERE})
    route = respx.get(ELSEWHERE).respond(200, content=b"abc")

    fetched = await fetch()

    assert not {"authorization", "agent-boot-id"} & set(route.calls.last.request.headers)
    assert fetched.body == b"abc"


@respx.mock
async def test_a_redirect_back_to_the_server_gets_both_again() -> None:
    respx.get(ELSEWHERE).respond(302, headers={"Location": INPUT})
    route = respx.get(INPUT).respond(200)

    await fetch(ELSEWHERE)

    assert {"authorization", "agent-boot-id"} <= set(route.calls.last.request.headers)


@respx.mock
async def test_a_redirect_keeps_the_range() -> None:
    respx.get(INPUT).respond(307, headers={"Location": "/moved"})
    route = respx.get(f"{SERVER}/moved").mock(return_value=part("bytes 3-8/9"))

    await fetch(offset=3, etag=ETAG)

    assert route.calls.last.request.headers["range"] == "bytes=3-"


@respx.mock
async def test_a_redirect_may_be_relative_to_a_stranger() -> None:
    respx.get(ELSEWHERE).respond(302, headers={"Location": "/b.mp3"})
    respx.get("https://files.example/b.mp3").respond(200, content=b"abc")

    assert (await fetch(ELSEWHERE)).body == b"abc"


@respx.mock
async def test_redirects_do_not_go_on_for_ever() -> None:
    route = respx.get(INPUT).respond(302, headers={"Location": INPUT})

    with pytest.raises(InputUnavailableError, match="redirected 5 times"):
        await fetch()

    assert route.call_count == 5


@pytest.mark.parametrize("status", [300, 304, 302])
@respx.mock
async def test_a_redirect_to_nowhere_is_no_input(status: int) -> None:
    respx.get(INPUT).respond(status, content=b"<html>")

    with pytest.raises(ServerUnavailableError, match=f"answered {status}") as caught:
        await fetch()

    assert caught.value.answered


@pytest.mark.parametrize("url", ["https://a\x00b/", "https://files.example:port/"])
@respx.mock
async def test_an_address_that_is_none_is_told_in_our_words(url: str) -> None:
    with pytest.raises(ServerUnavailableError, match="not an address"):
        await fetch(url)


@respx.mock
async def test_a_redirect_to_no_address_is_told_in_our_words() -> None:
    respx.get(INPUT).respond(302, headers={"Location": "https://files.example:port/"})

    with pytest.raises(ServerUnavailableError, match="broke"):
        await fetch()


@pytest.mark.parametrize(
    "there",
    ["http://jobs.example/v1/leases/l1/input", "http://files.example/a", "ftp://files.example/a"],
)
@respx.mock
async def test_a_redirect_never_leads_out_of_https(there: str) -> None:
    respx.get(INPUT).respond(307, headers={"Location": there})

    with pytest.raises(InputUnavailableError, match="unsafe"):
        await fetch()


@respx.mock
async def test_a_plain_source_may_lead_to_a_safe_one() -> None:
    respx.get("http://files.example/a").respond(307, headers={"Location": ELSEWHERE})
    respx.get(ELSEWHERE).respond(200, content=b"abc")

    assert (await fetch("http://files.example/a")).body == b"abc"


@pytest.mark.parametrize(
    "there", ["file:///etc/passwd", "data:,abc", "javascript:1", "gopher://files.example/"]
)
@respx.mock
async def test_a_redirect_never_leads_out_of_http(there: str) -> None:
    respx.get("http://files.example/a").respond(307, headers={"Location": there})

    with pytest.raises((InputUnavailableError, ServerUnavailableError), match=r"unsafe|not an"):
        await fetch("http://files.example/a")


@respx.mock
async def test_a_redirect_of_a_range_keeps_its_version() -> None:
    respx.get(INPUT).respond(307, headers={"Location": ELSEWHERE})
    route = respx.get(ELSEWHERE).mock(return_value=part("bytes 3-8/9"))

    await fetch(offset=3, etag=ETAG)

    headers = route.calls.last.request.headers
    assert (headers["range"], headers["if-range"]) == ("bytes=3-", ETAG)


@respx.mock
async def test_two_addresses_that_point_to_each_other_end_the_search() -> None:
    respx.get(INPUT).respond(302, headers={"Location": ELSEWHERE})
    respx.get(ELSEWHERE).respond(302, headers={"Location": INPUT})

    with pytest.raises(InputUnavailableError, match="redirected"):
        await fetch()


@respx.mock
async def test_a_redirect_with_an_origin_of_its_own_port_gets_no_token() -> None:
    respx.get(INPUT).respond(307, headers={"Location": f"{SERVER}:8443/input"})
    route = respx.get(f"{SERVER}:8443/input").respond(200)

    await fetch()

    assert not {"authorization", "agent-boot-id"} & set(route.calls.last.request.headers)


@pytest.mark.real_time
async def test_what_a_redirect_says_beside_its_address_is_not_read() -> None:
    def answer(request: Request) -> Reply:
        if request.path == "/input":
            return Reply(307, {"Location": "/there"}, b"<html>", stall_after=3)
        return Reply(body=b"abcdef")

    async with raw_server(answer) as server:
        assert (await fetch_raw(server)).body == b"abcdef"


@pytest.mark.parametrize("encoding", ["gzip", "br", "identity, gzip"])
@pytest.mark.real_time
async def test_an_input_that_comes_encoded_is_not_taken(encoding: str) -> None:
    async with raw_server(Reply(200, {"Content-Encoding": encoding}, b"abc")) as server:
        with pytest.raises(ServerUnavailableError, match="encoded") as caught:
            await fetch_raw(server)

    assert caught.value.answered


async def test_a_source_has_a_minute_to_begin() -> None:
    """However it fills that: each byte of a head that drips comes in time, the head never does."""

    async def drip(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(36_000)
        return httpx.Response(200)

    with respx.mock:
        respx.get(INPUT).mock(side_effect=drip)
        with pytest.raises(ServerUnavailableError, match="did not begin"):
            await fetch()

    assert asyncio.get_running_loop().time() == 60.0


async def test_a_refusal_that_drips_is_not_waited_for() -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b" "
            await asyncio.sleep(50)

    with respx.mock:
        respx.get(INPUT).respond(503, stream=Stream(drip()))
        with pytest.raises(ServerUnavailableError, match="did not begin"):
            await fetch()


async def test_a_body_that_comes_has_all_the_time_that_it_needs() -> None:
    async def drip() -> AsyncIterator[bytes]:
        for _ in range(10):
            await asyncio.sleep(50)
            yield b"a"

    with respx.mock:
        respx.get(INPUT).respond(200, stream=Stream(drip()))
        assert (await fetch()).body == b"a" * 10


@respx.mock
async def test_an_encoding_that_is_none_is_taken() -> None:
    respx.get(INPUT).respond(200, headers={"Content-Encoding": "Identity"}, content=b"abc")

    assert (await fetch()).body == b"abc"


@respx.mock
async def test_the_server_says_why_it_refuses_an_input() -> None:
    respx.get(INPUT).mock(return_value=problem("lease_lost", reason="cancelled"))

    with pytest.raises(LeaseLostError, match="cancelled"):
        await fetch()


@respx.mock
async def test_the_server_may_call_our_request_wrong() -> None:
    respx.get(INPUT).mock(return_value=problem("bad_request"))

    with pytest.raises(RequestRefusedError):
        await fetch()


@respx.mock
async def test_of_a_long_refusal_the_beginning_is_enough() -> None:
    respx.get(INPUT).respond(503, content=b"<html>" + b" " * 1024 * 1024)

    with pytest.raises(ServerUnavailableError, match="answered 503"):
        await fetch()


@respx.mock
async def test_a_refusal_of_some_length_is_understood() -> None:
    respx.get(INPUT).mock(return_value=problem("lease_lost", detail="a" * 10_000))

    with pytest.raises(LeaseLostError):
        await fetch()


@respx.mock
async def test_the_server_may_refuse_our_token() -> None:
    respx.get(INPUT).mock(return_value=problem("unauthorized"))

    with pytest.raises(CredentialsRefusedError):
        await fetch()


@pytest.mark.parametrize("status", [401, 402, 403, 404, 410])
@pytest.mark.parametrize("code", ["unauthorized", "lease_lost"])
@respx.mock
async def test_a_strangers_refusal_is_about_the_input_alone(status: int, code: str) -> None:
    respx.get(ELSEWHERE).respond(status, content=problem(code).content)

    with pytest.raises(InputUnavailableError, match=f"answered {status}"):
        await fetch(ELSEWHERE)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 503])
@respx.mock
async def test_a_stranger_may_be_busy(status: int) -> None:
    body = problem("lease_lost").content
    respx.get(ELSEWHERE).respond(status, headers={"Retry-After": "7"}, content=body)

    with pytest.raises(ServerUnavailableError) as caught:
        await fetch(ELSEWHERE)

    assert caught.value.retry_after == 7.0


@respx.mock
async def test_no_error_tells_a_signed_address() -> None:
    respx.get(ELSEWHERE).mock(side_effect=httpx.ReadError(f"cannot read {ELSEWHERE}"))

    with pytest.raises(ServerUnavailableError) as caught:
        await fetch(ELSEWHERE)

    assert "sig" not in str(caught.value)


@pytest.mark.real_time
async def test_bytes_before_a_cut_are_given_and_the_cut_is_told() -> None:
    taken: list[bytes] = []

    async with (
        raw_server(Reply(body=b"abcdef", cut_after=4)) as server,
        connected(server.url) as connection,
        HttpInputSource(connection).open("/input", offset=0, etag=None) as body,
    ):
        with pytest.raises(ServerUnavailableError, match="broke"):
            await take(body, taken)

    assert b"".join(taken) == b"abcd"


@pytest.mark.real_time
async def test_after_a_cut_the_next_request_uses_a_new_connection() -> None:
    replies = iter([Reply(body=b"abcdef", cut_after=4), Reply(body=b"abcdef")])

    async with raw_server(lambda _: next(replies)) as server, connected(server.url) as connection:
        source = HttpInputSource(connection)
        with pytest.raises(ServerUnavailableError):
            async with source.open("/input", offset=0, etag=None) as body:
                _ = [chunk async for chunk in body.chunks()]
        async with source.open("/input", offset=0, etag=None) as body:
            whole = b"".join([chunk async for chunk in body.chunks()])

        assert (whole, server.connections) == (b"abcdef", 2)


@pytest.mark.real_time
async def test_an_input_of_unknown_length_ends_with_its_connection() -> None:
    async with raw_server(Reply(body=b"abcdef", tells_length=False)) as server:
        assert await fetch_raw(server) == Fetched(Whole(None, None), b"abcdef")


@pytest.mark.real_time
async def test_an_input_that_is_asked_for_plainly_comes_plainly() -> None:
    async with raw_server(Reply(body=b"abcdef")) as server:
        await fetch_raw(server)

        assert server.requests[0].headers["accept-encoding"] == "identity"


@pytest.mark.real_time
async def test_a_part_over_a_real_socket_is_placed_where_the_source_says() -> None:
    reply = Reply(206, {"Content-Range": "bytes 2-5/6"}, b"cdef")

    async with raw_server(reply) as server:
        fetched = await fetch_raw(server, offset=3)

        assert fetched == Fetched(Part(Bytes(2), Bytes(6), None), b"cdef")
        assert server.requests[0].headers["range"] == "bytes=3-"


@pytest.mark.real_time
async def test_nothing_left_over_a_real_socket_tells_the_whole() -> None:
    async with raw_server(Reply(416, {"Content-Range": "bytes */6"})) as server:
        assert (await fetch_raw(server, offset=6)).opened == NothingLeft(Bytes(6))


@pytest.mark.real_time
async def test_a_reader_that_stops_early_leaves_no_connection_behind() -> None:
    async with (
        raw_server(Reply(body=b"abcdef", stall_after=3)) as server,
        connected(server.url) as connection,
    ):
        async with HttpInputSource(connection).open("/input", offset=0, etag=None) as body:
            assert await anext(body.chunks()) == b"abc"

        assert server.connections == 1
