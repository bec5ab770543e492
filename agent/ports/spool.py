"""The held jobs on disk."""

from collections.abc import Mapping
from typing import Protocol

from agent.model.artifact import Artifact
from agent.model.held import Finished, Journal
from agent.model.ids import Bytes, Digest
from agent.model.lease import Offer
from agent.model.work import Produced


class Partial(Protocol):
    """An input on its way to the disk."""

    @property
    def length(self) -> Bytes:
        """Bytes received, in memory or on disk."""
        ...

    @property
    def etag(self) -> str | None:
        """The version that those bytes came from."""
        ...

    async def restart(self, etag: str | None) -> None:
        """Forget everything and begin at byte 0 with this version."""
        ...

    async def append(self, chunk: bytes) -> None:
        """Take the next bytes; raise `DiskFullError` when they do not fit."""
        ...

    async def flush(self) -> None:
        """Put on disk what was taken."""
        ...

    async def digest(self) -> Digest:
        """SHA-256 of all bytes so far."""
        ...


class JobFolder(Protocol):
    """One held job on disk.

    A crash at any moment leaves the old or the new state of it. What a method promises is on disk
    when it returns. `SpoolError` where the disk refuses.
    """

    @property
    def journal(self) -> Journal:
        """What is on disk about the job."""
        ...

    @property
    def input(self) -> Partial: ...

    async def adopt(self, offer: Offer) -> None:
        """Go on under this lease, with its addresses; the input so far stays."""
        ...

    async def seal_input(self) -> str:
        """Sync the whole input, give it its final name, and return its path. May be repeated."""
        ...

    async def begin(self) -> str:
        """Count a computation that begins; the path of an existing, empty folder for its results.

        A result that was sealed before is forgotten first.
        """
        ...

    async def seal(self, produced: Produced, spent: Mapping[str, float]) -> Finished:
        """Sync the results, take their size and digest, and journal it all.

        Nothing is told before this returns. Raises `JobFailedError` for results that are not
        there or that nobody may name so.
        """
        ...

    async def read(self, artifact: Artifact, offset: Bytes, length: Bytes) -> bytes: ...

    async def keep(self, reason: str) -> None:
        """The job is lost to us: hold it no more, but leave its files until the retention time."""
        ...

    async def remove(self) -> None: ...

    def close(self) -> None:
        """Let go of open files; everything stays on disk for the next start."""
        ...


class Spool(Protocol):
    @property
    def boot_seq(self) -> int:
        """Raised by one at every start, on disk before it is told."""
        ...

    @property
    def is_new(self) -> bool:
        """No agent has started on this spool before."""
        ...

    async def held(self) -> tuple[JobFolder, ...]:
        """The jobs that earlier starts left, oldest first; asked once, at the start.

        Whatever is no job of this version is set aside and told in the log, never an error.
        """
        ...

    async def open_job(self, offer: Offer) -> JobFolder:
        """A folder of its own for this job, with its journal, on disk."""
        ...

    async def tidy(self) -> None:
        """Remove what was kept or set aside longer ago than the retention time."""
        ...

    def free(self) -> Bytes:
        """Bytes that the file system of the spool still takes."""
        ...

    def adopt_boot(self, boot_seq: int) -> None:
        """Make this our boot number, on disk."""
        ...
