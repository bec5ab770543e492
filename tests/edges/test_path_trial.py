"""The trials of the path, against the embedded server on real sockets."""

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import respx

from agent.edges.http import Connection
from agent.edges.path_trial import (
    NotOfferedError,
    Ranges,
    download_rate,
    idlings,
    ranges,
    silences,
    upload_rate,
)
from agent.model.errors import CredentialsRefusedError, ServerUnavailableError
from agent.server.app import create_app
from agent.server.serving import server_for
from agent.server.settings import ServerSettings
from agent.server.tokens import TokenKind, create_token
from agent.wire.trial import content
from tests.edges.middlebox import Manner, middlebox
from tests.edges.server import SERVER, connected

pytestmark = pytest.mark.real_time


@asynccontextmanager
async def serving(folder: Path) -> AsyncIterator[tuple[int, str]]:
    """The port of an embedded server, and a token for it."""
    token = create_token(folder, TokenKind.AGENT, agent_id="attic")
    server = server_for(create_app(ServerSettings(folder=folder)), "127.0.0.1", 0)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        task = asyncio.create_task(server.serve([listener]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield listener.getsockname()[1], token
        server.should_exit = True
        await task


def to(port: int, token: str) -> Callable[[], Connection]:
    return lambda: Connection(f"http://127.0.0.1:{port}", token)


async def test_the_embedded_server_passes_every_trial(tmp_path: Path) -> None:
    async with serving(tmp_path) as (port, token):
        connection = to(port, token)()

        assert await ranges(connection) is Ranges.WORK
        down, up = await download_rate(connection), await upload_rate(connection)
        (silence,) = await silences(to(port, token), [0.3])
        await connection.close()

    assert min(down.size, up.size) >= 2**20
    assert min(down.per_second, up.per_second) > 0
    assert (silence.was_cut, silence.lived) == (False, 0.3)


@pytest.mark.parametrize(
    ("manner", "reason", "is_forgotten"),
    [
        (Manner.HANG_UP, "the connection broke", False),
        (Manner.ANSWER, "the server answered 504", False),
    ],
)
async def test_who_cuts_silence_with_a_word_is_caught_at_once(
    tmp_path: Path, manner: Manner, reason: str, *, is_forgotten: bool
) -> None:
    async with (
        serving(tmp_path) as (port, token),
        middlebox(port, 1.5, manner) as between,
    ):
        short, long = await silences(to(between.port, token), [0.5, 30.0])

    assert not short.was_cut
    assert long.was_cut
    assert 1.4 < long.lived < 10
    assert reason in long.reason
    assert long.is_forgotten is is_forgotten


async def test_who_forgets_without_a_word_is_noticed_when_the_answer_stays_away(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.edges.path_trial._PATIENCE", 1.0)
    async with (
        serving(tmp_path) as (port, token),
        middlebox(port, 1.0, Manner.FORGET) as between,
    ):
        short, long = await silences(to(between.port, token), [0.4, 2.0])

    assert not short.was_cut
    assert (long.was_cut, long.is_forgotten, long.lived) == (True, True, 2.0)


async def test_idle_connections_are_measured_by_coming_back_to_them(tmp_path: Path) -> None:
    def patient() -> Connection:
        return Connection(f"http://127.0.0.1:{between.port}", None)

    async with serving(tmp_path) as (port, _), middlebox(port, 1.0, Manner.HANG_UP) as between:
        short, long = await idlings(patient, [0.3, 2.0])

    assert not short.was_cut
    assert long.was_cut


@respx.mock
async def test_a_server_without_the_extension_is_told_as_such() -> None:
    respx.get(f"{SERVER}/v1/trial").respond(404, json={"detail": "Not Found"})
    respx.post(f"{SERVER}/v1/trial").respond(404, json={"detail": "Not Found"})

    async with connected() as connection:
        with pytest.raises(NotOfferedError):
            await ranges(connection)
        with pytest.raises(NotOfferedError):
            await download_rate(connection)
        with pytest.raises(NotOfferedError):
            await upload_rate(connection)
    with pytest.raises(ExceptionGroup) as caught:
        await silences(lambda: Connection(SERVER, None), [0.1])
    assert isinstance(caught.value.exceptions[0], NotOfferedError)


PART = b"".join(content(1000, 2000))


@pytest.mark.parametrize(
    ("status", "body", "etag", "found"),
    [
        (206, PART, '"a"', Ranges.WORK),
        (206, PART, 'W/"a"', Ranges.UNTAGGED),
        (206, PART, "", Ranges.UNTAGGED),
        (206, PART[::-1], '"a"', Ranges.WRONG),
        (206, PART[1:], '"a"', Ranges.WRONG),
        (200, b"everything", '"a"', Ranges.IGNORED),
    ],
)
@respx.mock
async def test_what_comes_for_a_part_of_a_file_is_told_apart(
    status: int, body: bytes, etag: str, found: Ranges
) -> None:
    answer = httpx.Response(status, content=body, headers={"ETag": etag} if etag else {})
    respx.get(f"{SERVER}/v1/trial").mock(return_value=answer)

    async with connected() as connection:
        assert await ranges(connection) is found


@respx.mock
async def test_a_transfer_that_loses_bytes_is_no_measurement() -> None:
    respx.get(f"{SERVER}/v1/trial").respond(200, content=b"too little")
    respx.post(f"{SERVER}/v1/trial").respond(200, json={"size": 3})

    async with connected() as connection:
        with pytest.raises(ServerUnavailableError, match="10 of 1048576 bytes came"):
            await download_rate(connection)
        with pytest.raises(ServerUnavailableError, match="3 of 1048576 bytes arrived"):
            await upload_rate(connection)


async def test_a_refusal_is_not_taken_for_silence_that_was_cut(tmp_path: Path) -> None:
    async with serving(tmp_path) as (port, _):
        with pytest.raises(ExceptionGroup) as caught:
            await silences(to(port, "another"), [5.0])

    assert isinstance(caught.value.exceptions[0], CredentialsRefusedError)
