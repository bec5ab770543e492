"""The bytes of an upload: written, synced, noted, in this order, and only then acknowledged.

One request at a time appends to an upload. A newcomer ends the one before, whose connection is
most likely dead; what had arrived on that stays.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace

from starlette.requests import ClientDisconnect

from agent.model.ids import Digest
from agent.server import tus
from agent.server.blobs import Blobs, Hash, Part
from agent.server.problems import ProblemError
from agent.server.store.store import Store
from agent.server.store.transaction import Transaction
from agent.server.store.uploads import Upload
from agent.server.tus import Checksum
from agent.wire.problems import ProblemCode

BLOCK = 1024 * 1024
STALL_S = 60.0
"""A sender that is silent this long has gone."""
DRAIN_S = 0.1
"""The same once a newcomer waits: what had arrived on a cut connection is read without delay."""
YIELD_S = 2.0
"""A newcomer waits no longer than this for a connection that still delivers."""

Note = Callable[[Transaction, Upload, Digest | None], None]
"""Writes down `received`, or with a digest that the file is whole. Checks the right to, again."""


class TurnOverError(Exception):
    """A newer request for the same upload has come, or the sender fell silent."""


@dataclass(slots=True)
class _Gate:
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    latest: int = 0
    users: int = 0
    reading: asyncio.Timeout | None = None
    yield_by: float = float("inf")

    def arrive(self, now: float) -> int:
        """The newcomer's number; whoever reads now is to come to an end."""
        self.latest += 1
        if self.reading is not None:
            self.reading.reschedule(now + DRAIN_S)
        self.yield_by = now + YIELD_S
        return self.latest


class Turn:
    """The right to append, until somebody newer comes."""

    def __init__(self, gate: _Gate, number: int) -> None:
        self._gate = gate
        self._number = number

    async def read(self, stream: AsyncIterator[bytes]) -> bytes | None:
        """The next bytes, or None at the end."""
        patience = STALL_S
        if self._gate.latest != self._number:
            left = self._gate.yield_by - asyncio.get_running_loop().time()
            patience = min(DRAIN_S, left)
        if patience <= 0:
            raise TurnOverError
        try:
            async with asyncio.timeout(patience) as self._gate.reading:
                return await anext(stream, None)
        except TimeoutError:
            raise TurnOverError from None
        finally:
            self._gate.reading = None


@dataclass(frozen=True, slots=True)
class _Poured:
    """What became of one request's bytes."""

    size: int
    digest: Hash
    problem: ProblemError | ClientDisconnect | None


class Receiver:
    def __init__(self, store: Store, blobs: Blobs, count: Callable[[int], None]) -> None:
        self._store = store
        self._blobs = blobs
        self._count = count
        self._gates: dict[str, _Gate] = {}
        self._digests: dict[str, tuple[int, Hash]] = {}
        """Of unfinished uploads, so that a long file is not read again at its end."""

    @asynccontextmanager
    async def turn(self, upload_id: str) -> AsyncIterator[Turn]:
        gate = self._gates.setdefault(upload_id, _Gate())
        gate.users += 1
        number = gate.arrive(asyncio.get_running_loop().time())
        try:
            async with gate.lock:
                yield Turn(gate, number)
        finally:
            gate.users -= 1
            if not gate.users:
                del self._gates[upload_id]

    async def append(
        self,
        upload: Upload,
        stream: AsyncIterator[bytes],
        turn: Turn,
        note: Note,
        checksum: Checksum | None = None,
    ) -> Upload:
        """The upload as it is now; raises what the sender is to be told."""
        poured = await self._pour(upload, stream, turn, checksum)
        self._count(max(0, poured.size - upload.received))
        upload = replace(upload, received=poured.size)
        if upload.received == upload.length and not upload.is_done:
            return await self._finish(upload, Digest(poured.digest.hexdigest()), note)
        self._digests[upload.upload_id] = (poured.size, poured.digest)
        await self._store.run(lambda tx: note(tx, upload, None))
        if poured.problem is not None:
            raise poured.problem
        return upload

    async def _pour(
        self,
        upload: Upload,
        stream: AsyncIterator[bytes],
        turn: Turn,
        checksum: Checksum | None,
    ) -> _Poured:
        start = upload.received
        known = self._digests.pop(upload.upload_id, (0, None))
        before = known[1] if known[0] == start else None
        path = self._blobs.part_path(upload)
        part = await asyncio.to_thread(Part, path, start, before)
        before = part.digest.copy()
        try:
            problem = await self._fill(part, stream, turn, upload.length, checksum)
            if problem is None and checksum is not None and not checksum.is_right:
                problem = tus.checksum_mismatch(start, "the bytes do not match Upload-Checksum")
            if isinstance(problem, ProblemError) and problem.problem.code in _UNDO:
                await asyncio.to_thread(part.roll_back, start, before)
            await asyncio.to_thread(part.sync)
            return _Poured(part.size, part.digest, problem)
        finally:
            await asyncio.to_thread(part.close)

    async def _fill(
        self,
        part: Part,
        stream: AsyncIterator[bytes],
        turn: Turn,
        length: int,
        checksum: Checksum | None,
    ) -> ProblemError | ClientDisconnect | None:
        """What ended the request, if it was not its own end; the bytes before that are kept."""
        try:
            async with aclosing(_blocks(stream, turn)) as blocks:
                async for block in blocks:
                    if part.size + len(block) > length:
                        detail = f"longer than the {length} bytes"
                        return ProblemError(ProblemCode.TOO_LARGE, detail)
                    await asyncio.to_thread(_write, part, block, checksum)
        except TurnOverError:
            return ProblemError(ProblemCode.OFFSET_MISMATCH, "another request took over")
        except (ClientDisconnect, ProblemError) as problem:
            return problem
        return None

    async def _finish(self, upload: Upload, sha256: Digest, note: Note) -> Upload:
        if upload.sha256 is not None and sha256 != upload.sha256:
            await self._store.run(lambda tx: note(tx, replace(upload, received=0), None))
            raise tus.checksum_mismatch(0, f"sha256 is {sha256}, announced was {upload.sha256}")
        await asyncio.to_thread(self._blobs.publish, upload)
        await self._store.run(lambda tx: note(tx, upload, sha256))
        return replace(upload, is_done=True, sha256=sha256)

    async def reconcile(self, upload: Upload, note: Note) -> Upload:
        """After a crash the disk may know more than the journal, or less."""
        if upload.is_done:
            return upload
        if self._blobs.is_published(upload):
            sha256 = upload.sha256 or await asyncio.to_thread(self._blobs.digest, upload)
            whole = replace(upload, received=upload.length)
            await self._store.run(lambda tx: note(tx, whole, sha256))
            return replace(whole, is_done=True, sha256=sha256)
        if upload.received > self._blobs.part_size(upload):
            upload = replace(upload, received=0)
            await self._store.run(lambda tx: note(tx, upload, None))
        return upload

    async def forget(self, upload: Upload) -> None:
        self._digests.pop(upload.upload_id, None)
        await asyncio.to_thread(self._blobs.remove_upload, upload)


_UNDO = frozenset({ProblemCode.CHECKSUM_MISMATCH, ProblemCode.TOO_LARGE})
"""Refused bytes leave nothing behind."""


def _write(part: Part, block: bytes, checksum: Checksum | None) -> None:
    part.append(block)
    if checksum is not None:
        checksum.update(block)


async def _blocks(stream: AsyncIterator[bytes], turn: Turn) -> AsyncGenerator[bytes, None]:
    """Small network reads gathered into blocks that are worth a hop to a thread.

    What was gathered when the line broke is still handed over: those bytes had arrived.
    """
    gathered = bytearray()
    try:
        while (chunk := await turn.read(stream)) is not None:
            gathered += chunk
            if len(gathered) >= BLOCK:
                yield bytes(gathered)
                gathered.clear()
    except (TurnOverError, ClientDisconnect):
        if gathered:
            yield bytes(gathered)
        raise
    if gathered:
        yield bytes(gathered)
