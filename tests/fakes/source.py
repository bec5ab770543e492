"""An input source with versions; every request may meet a fault of its own."""

from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

from agent.model.errors import AgentError, ServerUnavailableError
from agent.model.ids import Bytes, Instant, Seconds
from agent.ports import Body, Clock, NothingLeft, Opened, Part, Whole

TRICKLE = 100
"""Bytes that a stalling source still sends every ten seconds."""
TRICKLE_EVERY = 10.0


@dataclass(frozen=True, slots=True)
class FakeFile:
    content: bytes
    etag: str | None = '"v1"'
    has_ranges: bool = True
    names_part: bool = True
    """A part's answer carries the ETag."""
    tells_total: bool = True
    most: int | None = None
    """Bytes of one answer, which then ends in good order; None: all that were asked for."""


@dataclass(frozen=True, slots=True)
class Cut:
    """The connection breaks after so many bytes."""

    after: int


@dataclass(frozen=True, slots=True)
class Trickle:
    """After so many bytes hardly any more come."""

    after: int


@dataclass(frozen=True, slots=True)
class Refuse:
    """The request is answered with this error."""

    error: AgentError


@dataclass(frozen=True, slots=True)
class Become:
    """From this request on the source holds another file."""

    file: FakeFile


@dataclass(frozen=True, slots=True)
class Misplace:
    """The part begins somewhere else than asked."""

    by: int


Fault = Cut | Trickle | Refuse | Become | Misplace | None


@dataclass(frozen=True, slots=True)
class Request:
    at: Instant
    url: str
    offset: int
    etag: str | None


@dataclass
class FakeSource:
    clock: Clock
    files: dict[str, FakeFile] = field(default_factory=dict[str, FakeFile])
    faults: deque[Fault] = field(default_factory=deque[Fault])
    """One for each request, in order."""
    outages: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """From when to when nothing answers, and what is open breaks."""
    bytes_per_s: float = float("inf")
    chunk: int = 64 * 1024
    held_by: float = 0.0
    """How long our own limits hold each chunk up."""
    requests: list[Request] = field(default_factory=list[Request])

    @asynccontextmanager
    async def open(self, url: str, *, offset: int, etag: str | None) -> AsyncIterator[Body]:
        self.requests.append(Request(self.clock.now(), url, offset, etag))
        self.refuse_if_away()
        fault = self.faults.popleft() if self.faults else None
        if isinstance(fault, Refuse):
            raise fault.error
        if isinstance(fault, Become):
            self.files[url] = fault.file
        file = self.files[url]
        opened = _answer(file, offset, etag)
        if isinstance(fault, Misplace) and isinstance(opened, Part):
            opened = replace(opened, start=Bytes(opened.start + fault.by))
        yield _FakeBody(self, file, opened, fault)

    def refuse_if_away(self) -> None:
        now = self.clock.now()
        if any(start <= now < end for start, end in self.outages):
            raise ServerUnavailableError("the source is away")


def _answer(file: FakeFile, offset: int, etag: str | None) -> Opened:
    total = Bytes(len(file.content)) if file.tells_total else None
    is_same = etag is None or etag == file.etag
    if not offset or not file.has_ranges or not is_same:
        return Whole(total, file.etag)
    if offset >= len(file.content):
        return NothingLeft(Bytes(len(file.content)))
    return Part(Bytes(offset), total, file.etag if file.names_part else None)


class _FakeBody:
    def __init__(self, source: FakeSource, file: FakeFile, opened: Opened, fault: Fault) -> None:
        self._source = source
        self._file = file
        self._opened = opened
        self._fault = fault
        self._held = 0.0

    @property
    def opened(self) -> Opened:
        return self._opened

    @property
    def held(self) -> Seconds:
        return Seconds(self._held)

    async def chunks(self) -> AsyncIterator[bytes]:
        start = self._opened.start if isinstance(self._opened, Part) else 0
        most = self._file.most
        left = memoryview(self._file.content)[start : None if most is None else start + most]
        fault = self._fault
        if isinstance(fault, Cut | Trickle):
            async for chunk in self._pieces(left[: fault.after]):
                yield chunk
            left = left[fault.after :]
        if isinstance(fault, Cut):
            raise ServerUnavailableError("the connection broke")
        is_slow = isinstance(fault, Trickle)
        async for chunk in self._trickle(left) if is_slow else self._pieces(left):
            yield chunk

    def _pieces(self, content: memoryview) -> AsyncIterator[bytes]:
        size = self._source.chunk
        return self._send(content, size, size / self._source.bytes_per_s)

    def _trickle(self, content: memoryview) -> AsyncIterator[bytes]:
        return self._send(content, TRICKLE, TRICKLE_EVERY)

    async def _send(self, content: memoryview, size: int, pause: float) -> AsyncIterator[bytes]:
        clock = self._source.clock
        for at in range(0, len(content), size):
            await clock.sleep_until(Instant(clock.now() + pause))
            self._source.refuse_if_away()
            yield bytes(content[at : at + size])
            await clock.sleep_until(Instant(clock.now() + self._source.held_by))
            self._held += self._source.held_by
