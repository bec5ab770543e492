"""Where inputs come from and where results go."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from agent.model.artifact import Artifact
from agent.model.ids import Bytes, Seconds

FREE_PIECE = Bytes(64 * 1024)
"""Written at once where nothing is limited."""


@dataclass(frozen=True, slots=True)
class Whole:
    """200: the source sends everything from byte 0."""

    total: Bytes | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class Part:
    """206: the source goes on at `start`."""

    start: Bytes
    total: Bytes | None
    etag: str | None


@dataclass(frozen=True, slots=True)
class NothingLeft:
    """416: the source holds no byte from there on."""

    total: Bytes | None


Opened = Whole | Part | NothingLeft


class Lane(Protocol):
    """One direction of the link, as its owner lends it: every transfer's bytes go through here."""

    @property
    def piece(self) -> Bytes:
        """The most that is written at once, so that it goes smoothly."""
        ...

    @property
    def closed(self) -> str | None:
        """Why nothing may go there now; None: it may."""
        ...

    async def enter(self) -> None:
        """Return when a transfer may begin.

        Raise `JobReturnedError` where that takes longer than the job should wait.
        """
        ...

    async def carry(self, size: int) -> Seconds:
        """Return when `size` bytes may go, or those after them if they came already.

        They are counted at once. Tells how long it kept them waiting: nobody else stalled then.
        """
        ...


class Body(Protocol):
    """An open answer of an input source."""

    @property
    def opened(self) -> Opened: ...

    @property
    def held(self) -> Seconds:
        """How long our own limits have kept its bytes waiting."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The bytes as they come; raise `ServerUnavailableError` when the connection breaks."""
        ...


class InputSource(Protocol):
    def open(self, url: str, *, offset: int, etag: str | None) -> AbstractAsyncContextManager[Body]:
        """Ask for the input from `offset` on, if it is still the version `etag`.

        Raise `InputUnavailableError` when the source says that it will never give it,
        `ServerUnavailableError` when it may later, or what the server says about the lease.
        The token goes to the server's own origin only.
        """
        ...


@dataclass(frozen=True, slots=True)
class Upload:
    url: str
    offset: Bytes


class ArtifactSink(Protocol):
    """tus, section 7. Raise `LeaseLostError`, `UploadGoneError` and the like as the server says."""

    @property
    def transport(self) -> str:
        """How artifacts go up here; an offer that wants another way is not for us."""
        ...

    async def create(self, url: str, artifact: Artifact, first: bytes) -> Upload:
        """Announce `artifact` and send its first bytes; the same artifact gives the same upload."""
        ...

    async def offset(self, upload_url: str) -> Bytes:
        """How much the server has on disk: its word is the truth, ours a guess."""
        ...

    async def append(self, upload_url: str, offset: Bytes, data: bytes) -> Bytes:
        """Send `data` at `offset`; give back the new offset."""
        ...
