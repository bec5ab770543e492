"""Tries the path to the server with what section 12 of the protocol offers.

A server need not offer it; then `NotOfferedError`.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import urlencode

import httpx
from pydantic import ValidationError

from agent.edges.http import ERROR, Connection
from agent.edges.problems import error_of
from agent.model.errors import ServerError, ServerUnavailableError
from agent.wire import routes
from agent.wire.trial import LARGEST, TrialTaken, content

_NOT_THERE = {404, 405, 501}
_PIECE = 2**20
_ENOUGH = 1.0
"""Seconds that a transfer has to take before its rate means something."""
_LONGEST = 60.0
"""Seconds for one piece or what follows it: slower than that is no line for work."""
_RANGE = range(1000, 3000)
_WHOLE = 4096
_PATIENCE = 10.0
"""Seconds on top of the silence, as an agent has with its polls."""
_EARLY = 0.2
_AT_ONCE = 1.0
"""An error that soon is the server's word, and not about silence."""


class NotOfferedError(ServerError):
    """This server does not have the extension."""


class Ranges(StrEnum):
    WORK = "work"
    IGNORED = "ignored"
    """The whole content came, with 200."""
    WRONG = "wrong"
    """206, but other bytes than those that were asked for."""
    UNTAGGED = "untagged"
    """No strong ETag: a download cannot tell whether it goes on with the same file."""


async def ranges(connection: Connection) -> Ranges:
    wanted = {"Range": f"bytes={_RANGE.start}-{_RANGE.stop - 1}"}
    async with _opened(connection, {"size": _WHOLE}, headers=wanted) as answer:
        body = await answer.aread()
        etag = answer.headers.get("etag", "")
        match answer.status_code:
            case httpx.codes.OK:
                return Ranges.IGNORED
            case _ if body != b"".join(content(_RANGE.start, len(_RANGE))):
                return Ranges.WRONG
            case _:
                return Ranges.UNTAGGED if not etag or etag.startswith("W/") else Ranges.WORK


@dataclass(frozen=True, slots=True)
class Rate:
    size: int
    took: float

    @property
    def per_second(self) -> float:
        """Bytes."""
        return self.size / self.took


async def download_rate(connection: Connection) -> Rate:
    return await _rate(lambda size: _fetched(connection, size))


async def upload_rate(connection: Connection) -> Rate:
    return await _rate(lambda size: _sent(connection, size))


async def _rate(transfer: Callable[[int], Awaitable[None]]) -> Rate:
    """From one piece on, more and more until it takes long enough to mean something."""
    size = _PIECE
    while True:
        begun = time.monotonic()
        try:
            await transfer(size)
        except TimeoutError as error:
            reason = f"{size} bytes took longer than {_LONGEST:.0f} s"
            raise ServerUnavailableError(reason) from error
        rate = Rate(size, time.monotonic() - begun)
        if rate.took >= _ENOUGH or size >= LARGEST:
            return rate
        size = min(LARGEST, size * 4)


async def _fetched(connection: Connection, size: int) -> None:
    arrived = 0
    async with asyncio.timeout(_LONGEST), _opened(connection, {"size": size}) as answer:
        async for chunk in answer.aiter_raw():
            arrived += len(chunk)
    if arrived != size:
        raise ServerUnavailableError(f"{arrived} of {size} bytes came", answered=True)


async def _sent(connection: Connection, size: int) -> None:
    headers = {"Content-Length": str(size), "Content-Type": "application/octet-stream"}
    sending = _opened(connection, {}, method="POST", content=_pieces(size), headers=headers)
    async with asyncio.timeout(_LONGEST), sending as answer:
        body = await answer.aread()
    try:
        arrived = TrialTaken.model_validate_json(body).size
    except ValidationError as error:
        reason = "the server's answer to a trial is none"
        raise ServerUnavailableError(reason, answered=True) from error
    if arrived != size:
        raise ServerUnavailableError(f"{arrived} of {size} bytes arrived", answered=True)


async def _pieces(size: int) -> AsyncIterator[bytes]:
    for piece in content(0, size):
        yield piece


@dataclass(frozen=True, slots=True)
class Silence:
    """A request that was silent on purpose, and what became of it."""

    asked: float
    lived: float
    """Seconds; as long as asked where nobody cut it."""
    reason: str = ""
    """How it was cut."""
    is_forgotten: bool = False
    """Nobody said a word: its end was noticed only when the answer did not come."""

    @property
    def was_cut(self) -> bool:
        return bool(self.reason)


async def silences(connect: Callable[[], Connection], lengths: Sequence[float]) -> list[Silence]:
    """All at once, each on a connection of its own."""
    async with asyncio.TaskGroup() as scope:
        tasks = [scope.create_task(_silent(connect(), length)) for length in lengths]
    return [task.result() for task in tasks]


async def _silent(connection: Connection, length: float) -> Silence:
    begun = time.monotonic()
    try:
        async with (
            asyncio.timeout(length + _PATIENCE),
            _opened(connection, {"wait_s": length}, stall=length + _PATIENCE),
        ):
            lived = time.monotonic() - begun
            return Silence(length, length) if lived >= length - _EARLY else _early(length, lived)
    except TimeoutError:
        return Silence(length, length, "nothing came any more", is_forgotten=True)
    except ServerError as error:
        lived = time.monotonic() - begun
        if lived < _AT_ONCE:
            raise
        return Silence(length, lived, str(error))
    finally:
        await connection.close()


def _early(length: float, lived: float) -> Silence:
    return Silence(length, lived, "it was answered too early")


async def idlings(connect: Callable[[], Connection], lengths: Sequence[float]) -> list[Silence]:
    """The same for connections that idle between two requests, which any server answers."""
    async with asyncio.TaskGroup() as scope:
        tasks = [scope.create_task(_idle(connect(), length)) for length in lengths]
    return [task.result() for task in tasks]


async def _idle(connection: Connection, length: float) -> Silence:
    try:
        before = await _own_address(connection)
        await asyncio.sleep(length)
        try:
            after = await _own_address(connection)
        except ServerError as error:
            return Silence(length, length, str(error), is_forgotten=True)
        reason = "" if before == after else "it was closed"
        return Silence(length, length, reason, is_forgotten=bool(reason))
    finally:
        await connection.close()


async def _own_address(connection: Connection) -> object:
    """That of the connection over which the answer came."""
    async with connection.stream("GET", connection.at(routes.HEALTH), stall=_PATIENCE) as answer:
        await answer.aread()
        return answer.extensions["network_stream"].get_extra_info("client_addr")


@asynccontextmanager
async def _opened(
    connection: Connection,
    query: dict[str, float],
    *,
    method: str = "GET",
    content: AsyncIterator[bytes] | None = None,
    headers: dict[str, str] | None = None,
    stall: float = 30.0,
) -> AsyncIterator[httpx.Response]:
    url = f"{connection.at(routes.TRIAL)}?{urlencode(query)}"
    sending = connection.stream(method, url, content=content, headers=headers, stall=stall)
    async with sending as answer:
        if answer.status_code in _NOT_THERE:
            raise NotOfferedError("this server does not offer trials of the path")
        if answer.status_code >= ERROR:
            raise error_of(answer.status_code, answer.headers, await answer.aread())
        yield answer
