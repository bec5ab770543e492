import asyncio

import httpx
import pytest
import respx
from pydantic import BaseModel

from agent.edges.http import Connection
from agent.edges.problems import LONGEST_RETRY_AFTER
from agent.model.errors import (
    CredentialsRefusedError,
    LeaseLostError,
    ServerUnavailableError,
)
from agent.model.ids import Seconds
from tests.edges.server import SERVER, TOKEN, connected, problem
from tests.fakes.raw_http import Reply, Request, raw_server

PAGE = f"{SERVER}/page"
MIB = 1024 * 1024


class Said(BaseModel):
    word: str
    number: int | None = None


@respx.mock
async def test_a_call_gives_back_the_whole_answer() -> None:
    respx.get(PAGE).respond(201, headers={"X-Said": "yes"}, content=b'{"word": "hi"}')

    async with connected() as connection:
        answer = await connection.call("GET", PAGE)

    assert (answer.status, answer.headers["x-said"], answer.body) == (201, "yes", b'{"word": "hi"}')
    assert answer.parse(Said) == Said(word="hi")


@respx.mock
async def test_a_body_is_sent_as_json_without_what_is_not_said() -> None:
    route = respx.post(PAGE).respond(200)

    async with connected() as connection:
        await connection.call("POST", PAGE, json=Said(word="hi"))

    sent = route.calls.last.request
    assert (sent.headers["content-type"], sent.content) == ("application/json", b'{"word":"hi"}')


@respx.mock
async def test_our_name_is_on_every_request() -> None:
    route = respx.get(PAGE).respond(200)
    connection = Connection(SERVER, None, user_agent="morag-agent/1.0")

    await connection.call("GET", PAGE)

    assert route.calls.last.request.headers["user-agent"] == "morag-agent/1.0"


@respx.mock
async def test_an_answer_is_asked_for_as_it_is() -> None:
    route = respx.get(PAGE).respond(200)

    async with connected() as connection:
        await connection.call("GET", PAGE)

    assert route.calls.last.request.headers["accept-encoding"] == "identity"


@respx.mock
async def test_a_problem_is_raised_as_our_error() -> None:
    respx.get(PAGE).mock(return_value=problem("lease_lost", reason="expired"))

    async with connected() as connection:
        with pytest.raises(LeaseLostError, match="expired"):
            await connection.call("GET", PAGE)


@pytest.mark.parametrize("status", [301, 302, 307, 304, 399])
@respx.mock
async def test_a_redirect_is_no_answer_of_our_server(status: int) -> None:
    respx.get(PAGE).respond(status, headers={"Location": "https://login.example/"})

    async with connected() as connection:
        with pytest.raises(ServerUnavailableError, match=f"answered {status}"):
            await connection.call("GET", PAGE)


@pytest.mark.parametrize("body", [b"", b"<html>", b"{}", b'{"word": 1}', b'{"word": "cut'])
@respx.mock
async def test_a_body_that_does_not_parse_is_transient(body: bytes) -> None:
    respx.get(PAGE).respond(200, content=body)

    async with connected() as connection:
        answer = await connection.call("GET", PAGE)

        with pytest.raises(ServerUnavailableError, match=r"answer \(200\) is no Said"):
            answer.parse(Said)


@respx.mock
async def test_an_answer_of_one_mib_is_read() -> None:
    respx.get(PAGE).respond(200, content=b"a" * MIB)

    async with connected() as connection:
        assert len((await connection.call("GET", PAGE)).body) == MIB


@respx.mock
async def test_an_answer_over_one_mib_is_refused() -> None:
    respx.get(PAGE).respond(200, content=b"a" * (MIB + 1))

    async with connected() as connection:
        with pytest.raises(ServerUnavailableError, match="over 1 MiB"):
            await connection.call("GET", PAGE)


@respx.mock
async def test_no_call_outlives_its_deadline() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        return httpx.Response(200)

    respx.get(PAGE).mock(side_effect=hang)

    async with connected() as connection:
        with pytest.raises(ServerUnavailableError, match="no answer within 12 s"):
            await connection.call("GET", PAGE, deadline=12.0)

    assert asyncio.get_running_loop().time() == 12.0


@respx.mock
async def test_a_call_has_half_a_minute_unless_told_otherwise() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        return httpx.Response(200)

    respx.get(PAGE).mock(side_effect=hang)

    async with connected() as connection:
        with pytest.raises(ServerUnavailableError):
            await connection.call("GET", PAGE)

    assert asyncio.get_running_loop().time() == 30.0


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (httpx.ConnectError("Connection refused"), "cannot be reached"),
        (httpx.ConnectTimeout(""), r"cannot be reached \(ConnectTimeout\)"),
        (httpx.ReadTimeout(""), r"stalled \(ReadTimeout\)"),
        (httpx.ReadError("https://files.example/?sig=abc"), r"broke \(ReadError\)$"),
        (httpx.RemoteProtocolError("cut"), r"broke \(RemoteProtocolError\)$"),
    ],
)
@respx.mock
async def test_a_connection_that_fails_is_told_in_our_words(
    error: httpx.HTTPError, words: str
) -> None:
    respx.get(PAGE).mock(side_effect=error)

    async with connected() as connection:
        with pytest.raises(ServerUnavailableError, match=words) as caught:
            await connection.call("GET", PAGE)

    assert not caught.value.answered


@pytest.mark.parametrize(
    "url", ["ftp://jobs.example/page", "https://jobs.example:port/", "no host", "https://a\x00b/"]
)
@pytest.mark.real_time
async def test_an_address_that_is_none_is_not_asked(url: str) -> None:
    async with connected() as connection:
        with pytest.raises(ServerUnavailableError):
            await connection.call("GET", url)


@pytest.mark.parametrize(
    "url",
    [PAGE, f"{SERVER}:443/page", "https://JOBS.example/elsewhere", f"{SERVER}/?next=http://evil/"],
)
@respx.mock
async def test_the_token_goes_to_the_servers_own_origin(url: str) -> None:
    route = respx.get(url__regex=".*").respond(200)

    async with connected() as connection:
        await connection.call("GET", url)

    assert route.calls.last.request.headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize(
    "url",
    [
        "http://jobs.example/page",
        "https://jobs.example:8443/page",
        "https://files.example/page",
        "https://jobs.example.evil/page",
        "https://jobs.example@evil.example/page",
    ],
)
@respx.mock
async def test_the_token_goes_to_no_other_origin(url: str) -> None:
    route = respx.get(url__regex=".*").respond(200)

    async with connected() as connection:
        await connection.call("GET", url)

    assert TOKEN not in route.calls.last.request.headers.get("authorization", "")


@respx.mock
async def test_without_a_token_none_is_sent() -> None:
    route = respx.get(PAGE).respond(200)

    await Connection(SERVER, None).call("GET", PAGE)

    assert "authorization" not in route.calls.last.request.headers


@pytest.mark.parametrize(
    ("base", "address"),
    [
        ("https://jobs.example", "https://jobs.example/v1/x"),
        ("https://jobs.example/", "https://jobs.example/v1/x"),
        ("https://jobs.example/morag", "https://jobs.example/morag/v1/x"),
        ("https://jobs.example/morag/", "https://jobs.example/morag/v1/x"),
        ("http://127.0.0.1:8000/a/b", "http://127.0.0.1:8000/a/b/v1/x"),
    ],
)
def test_routes_lie_below_the_servers_prefix(base: str, address: str) -> None:
    assert Connection(base, None).at("/v1/x") == address


@pytest.mark.parametrize(
    ("base", "told", "address"),
    [
        ("https://jobs.example", "/v1/x", "https://jobs.example/v1/x"),
        ("https://jobs.example", "v1/x", "https://jobs.example/v1/x"),
        ("https://jobs.example/morag", "/v1/x", "https://jobs.example/morag/v1/x"),
        ("https://jobs.example/morag", "/morag/v1/x", "https://jobs.example/morag/v1/x"),
        ("https://jobs.example/morag", "/moragua/x", "https://jobs.example/morag/moragua/x"),
        ("https://jobs.example/morag", "v1/x", "https://jobs.example/morag/v1/x"),
        ("https://jobs.example/morag", "https://f.example/x", "https://f.example/x"),
        ("https://jobs.example/morag", "//f.example/x", "https://f.example/x"),
        ("https://jobs.example", "/v1/x?sig=a%2Fb", "https://jobs.example/v1/x?sig=a%2Fb"),
    ],
)
def test_what_the_server_calls_an_address_is_relative_to_it(
    base: str, told: str, address: str
) -> None:
    assert Connection(base, None).resolve(told) == address


@pytest.mark.parametrize("told", ["https://a\x00b/", "https://jobs.example:port/"])
def test_an_address_that_makes_no_sense_is_transient(told: str) -> None:
    with pytest.raises(ServerUnavailableError, match="not an address"):
        Connection(SERVER, None).resolve(told)


@pytest.mark.real_time
async def test_a_connection_that_works_is_used_again() -> None:
    async with raw_server(Reply()) as server, connected(server.url) as connection:
        for _ in range(3):
            await connection.call("GET", server.url)

        assert server.connections == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(body=b"abc", cut_after=1),
        Reply(503),
        Reply(408),
        Reply(404, body=b"<html>"),
        Reply(302, {"Location": "/login"}),
        Reply(body=b"a" * (MIB + 1)),
    ],
)
@pytest.mark.real_time
async def test_a_connection_is_renewed_after_an_error(trouble: Reply) -> None:
    replies = iter([Reply(), trouble, Reply(), Reply()])

    async with raw_server(lambda _: next(replies)) as server, connected(server.url) as connection:
        await connection.call("GET", server.url)
        with pytest.raises(ServerUnavailableError):
            await connection.call("GET", server.url)
        await connection.call("GET", server.url)
        await connection.call("GET", server.url)

        assert server.connections == 2


@pytest.mark.real_time
async def test_a_connection_is_renewed_after_a_body_that_does_not_parse() -> None:
    async with (
        raw_server(Reply(body=b"<html>")) as server,
        connected(server.url) as connection,
    ):
        answer = await connection.call("GET", server.url)
        with pytest.raises(ServerUnavailableError):
            answer.parse(Said)

        await connection.call("GET", server.url)

        assert server.connections == 2


@pytest.mark.real_time
async def test_every_idle_connection_is_renewed_after_a_deadline() -> None:
    """Where one connection went silent the others, idle for longer, are no better."""

    def answer(request: Request) -> Reply:
        return Reply(body=b"abc", stall_after=1 if request.path == "/hang" else None)

    async with raw_server(answer) as server, connected(server.url) as connection:
        async with asyncio.TaskGroup() as both:
            for _ in range(2):
                both.create_task(connection.call("GET", f"{server.url}/"))
        with pytest.raises(ServerUnavailableError, match="no answer within"):
            await connection.call("GET", f"{server.url}/hang", deadline=0.1)

        await connection.call("GET", f"{server.url}/")

        assert server.connections == 3


@pytest.mark.real_time
async def test_an_old_connection_is_closed_and_replaced() -> None:
    async with (
        raw_server(Reply()) as server,
        connected(server.url, max_age=Seconds(0.05)) as connection,
    ):
        await connection.call("GET", server.url)
        await asyncio.sleep(0.06)

        await connection.call("GET", server.url)
        await asyncio.sleep(0.02)

        assert (server.connections, server.open) == (2, 1)


@pytest.mark.real_time
async def test_an_old_connection_stays_open_for_the_request_that_still_uses_it() -> None:
    body = b"a" * 100
    half_sent = Reply(body=body)

    async with (
        raw_server(half_sent) as server,
        connected(server.url, max_age=Seconds(0.05)) as connection,
        connection.stream("GET", server.url) as old,
    ):
        await asyncio.sleep(0.06)
        await connection.call("GET", server.url)

        assert [chunk async for chunk in old.aiter_raw()] == [body]
        assert server.connections == 2


@pytest.mark.real_time
async def test_a_stalled_answer_is_cut() -> None:
    async with (
        raw_server(Reply(body=b"abc", stall_after=1)) as server,
        connected(server.url) as connection,
    ):
        with pytest.raises(ServerUnavailableError, match="stalled"):
            async with connection.stream("GET", server.url, stall=0.05) as response:
                await response.aread()


@pytest.mark.real_time
async def test_a_server_that_is_not_there_cannot_be_reached() -> None:
    async with raw_server(Reply()) as server:
        gone = server.url

    async with connected(gone) as connection:
        with pytest.raises(ServerUnavailableError, match="cannot be reached"):
            await connection.call("GET", gone)


@pytest.mark.real_time
async def test_a_closed_connection_leaves_no_socket_open() -> None:
    async with raw_server(Reply()) as server:
        async with connected(server.url) as connection:
            await connection.call("GET", server.url)
        await asyncio.sleep(0.02)

        assert server.open == 0


@pytest.mark.parametrize("status", [408, 429, 500, 503])
@respx.mock
async def test_a_busy_server_may_say_for_how_long(status: int) -> None:
    respx.get(PAGE).respond(status, headers={"Retry-After": "86400"})

    async with connected() as connection:
        with pytest.raises(ServerUnavailableError) as caught:
            await connection.call("GET", PAGE)

    assert caught.value.retry_after == LONGEST_RETRY_AFTER == 900.0


def test_another_port_is_another_origin() -> None:
    assert not Connection("http://127.0.0.1:8000", None).is_own("http://127.0.0.1:9000/")


@pytest.mark.real_time
async def test_this_machine_is_never_reached_by_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")

    async with raw_server(Reply(body=b"here")) as server, connected(server.url) as connection:
        answer = await connection.call("GET", connection.at("/"))

    assert answer.body == b"here"


@respx.mock
async def test_a_token_that_was_replaced_is_used_after_the_old_one_was_refused() -> None:
    route = respx.get(PAGE).mock(side_effect=[problem("unauthorized"), httpx.Response(200)])
    connection = Connection(SERVER, "old", new_token=lambda: "new")
    with pytest.raises(CredentialsRefusedError):
        await connection.call("GET", PAGE)

    await connection.call("GET", PAGE)

    sent = [call.request.headers["authorization"] for call in route.calls]
    assert sent == ["Bearer old", "Bearer new"]
    await connection.close()


@respx.mock
async def test_a_refused_token_is_kept_where_there_is_no_other() -> None:
    route = respx.get(PAGE).mock(side_effect=[problem("unauthorized"), httpx.Response(200)])

    async with connected() as connection:
        with pytest.raises(CredentialsRefusedError):
            await connection.call("GET", PAGE)
        await connection.call("GET", PAGE)

    assert {call.request.headers["authorization"] for call in route.calls} == {f"Bearer {TOKEN}"}
