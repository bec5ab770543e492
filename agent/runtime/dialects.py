"""Which kind of server answers: found out once, at the first hello that is heard."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import structlog

from agent.model.artifact import Artifact
from agent.model.errors import ConfigError
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, LeaseId, Seconds
from agent.model.lease import Renewal
from agent.ports import (
    ArtifactSink,
    Ask,
    Body,
    InputSource,
    Introduction,
    JobServer,
    PollResult,
    Report,
    Result,
    Terms,
    Upload,
)
from agent.runtime.morag.server import MoragServer

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Dialect:
    """One way of speaking to a server, whole."""

    name: str
    server: JobServer
    source: InputSource
    sink: ArtifactSink


class Undecided:
    """Two dialects until the server has shown which it speaks; a `JobServer`."""

    def __init__(
        self,
        speaks_ours: Callable[[], Awaitable[bool]],
        native: Dialect,
        morag: Dialect,
        finder: MoragServer,
        keyless: ConfigError | None = None,
    ) -> None:
        """`speaks_ours` raises `ServerUnavailableError` where nobody can tell.

        `keyless`: there is no token, which MoRAG lives with and our protocol does not.
        """
        self._speaks_ours = speaks_ours
        self._native = native
        self._morag = morag
        self._finder = finder
        self._keyless = keyless
        self._chosen: Dialect | None = None

    @property
    def chosen(self) -> Dialect:
        """Nothing but hello is ever called before it was heard."""
        return self._chosen or self._native

    @property
    def found(self) -> str | None:
        """The name of the dialect; None before the first hello that was heard."""
        return None if self._chosen is None else self._chosen.name

    async def hello(self, who: Introduction) -> Terms:
        if self._chosen is None:
            self._chosen = await self._choose()
            _log.info("dialect.found", dialect=self._chosen.name)
        return await self._chosen.server.hello(who)

    async def _choose(self) -> Dialect:
        if await self._speaks_ours():
            if self._keyless is not None:
                raise self._keyless
            return self._native
        await self._finder.find()
        return self._morag

    async def poll(self, ask: Ask) -> PollResult:
        return await self.chosen.server.poll(ask)

    async def renew(self, lease_id: LeaseId, report: Report) -> Renewal:
        return await self.chosen.server.renew(lease_id, report)

    async def complete(self, lease_id: LeaseId, result: Result) -> None:
        await self.chosen.server.complete(lease_id, result)

    async def fail(self, lease_id: LeaseId, code: FailureCode, message: str, detail: str) -> None:
        await self.chosen.server.fail(lease_id, code, message, detail)

    async def release(self, lease_id: LeaseId, reason: str, retry_after: Seconds | None) -> None:
        await self.chosen.server.release(lease_id, reason, retry_after)

    async def sign_off(self, keep: Sequence[LeaseId]) -> None:
        if self._chosen is not None:
            await self._chosen.server.sign_off(keep)


class ChosenSource:
    """The `InputSource` of the dialect that was found."""

    def __init__(self, dialects: Undecided) -> None:
        self._dialects = dialects

    def open(self, url: str, *, offset: int, etag: str | None) -> AbstractAsyncContextManager[Body]:
        return self._dialects.chosen.source.open(url, offset=offset, etag=etag)


class ChosenSink:
    """The `ArtifactSink` of the dialect that was found."""

    def __init__(self, dialects: Undecided) -> None:
        self._dialects = dialects

    @property
    def transport(self) -> str:
        return self._dialects.chosen.sink.transport

    async def create(self, url: str, artifact: Artifact, first: bytes) -> Upload:
        return await self._dialects.chosen.sink.create(url, artifact, first)

    async def offset(self, upload_url: str) -> Bytes:
        return await self._dialects.chosen.sink.offset(upload_url)

    async def append(self, upload_url: str, offset: Bytes, data: bytes) -> Bytes:
        return await self._dialects.chosen.sink.append(upload_url, offset, data)
