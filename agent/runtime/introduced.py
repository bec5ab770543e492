"""A server that has heard our hello, and hears it again whenever it has forgotten us."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import TypeVar

import structlog

from agent.model.errors import NewerBootError, ServerUnavailableError, UnknownAgentError
from agent.model.failures import FailureCode
from agent.model.ids import LeaseId, Seconds
from agent.model.lease import Renewal
from agent.ports import (
    Ask,
    Introduction,
    JobServer,
    PollResult,
    Report,
    Result,
    Resuming,
    Spool,
    Terms,
)

T = TypeVar("T")

POLL_WAIT = Seconds(25.0)

_log = structlog.get_logger(__name__)


class IntroducedServer:
    """The calls of a `JobServer`, each repeated once after a hello when we are unknown there."""

    def __init__(self, server: JobServer, who: Introduction, spool: Spool) -> None:
        self._server = server
        self._who = who
        self._spool = spool
        self._holding: Callable[[], tuple[Resuming, ...]] = tuple
        self._terms: Terms | None = None
        """Of the latest hello. A boot that was heard gives way to a later one, never outbids it."""

    @property
    def poll_wait(self) -> Seconds:
        """As the latest hello was answered: a new version of the server may want another one."""
        return self._terms.poll_wait if self._terms else POLL_WAIT

    async def introduce(self, holding: Callable[[], tuple[Resuming, ...]] | None = None) -> Terms:
        """Say hello. A new spool may be behind the server's memory of our boots: it catches up.

        `holding` is asked for the jobs that this hello, and every later one, tells of.
        """
        self._holding = holding or self._holding
        try:
            terms = await self._hello()
        except NewerBootError as error:
            if self._terms or not self._spool.is_new or error.boot_seq is None:
                ours = self._spool.boot_seq
                raise NewerBootError(f"start {ours}: {error}", boot_seq=error.boot_seq) from error
            self._spool.adopt_boot(error.boot_seq + 1)
            terms = await self._hello()
        self._terms = terms
        _log.info(
            "hello.answered",
            poll_wait_s=terms.poll_wait,
            renew_every_s=terms.renew_every,
            resumed=sum(answer.grant is not None for answer in terms.resumed),
        )
        for message in terms.messages:
            _log.warning("server.said", message=message)
        return terms

    async def poll(self, ask: Ask) -> PollResult:
        return await self.known(lambda: self._server.poll(ask))

    async def renew(self, lease_id: LeaseId, report: Report) -> Renewal:
        return await self.known(lambda: self._server.renew(lease_id, report))

    async def complete(self, lease_id: LeaseId, result: Result) -> None:
        await self.known(lambda: self._server.complete(lease_id, result))

    async def fail(self, lease_id: LeaseId, code: FailureCode, message: str, detail: str) -> None:
        await self.known(lambda: self._server.fail(lease_id, code, message, detail))

    async def release(self, lease_id: LeaseId, reason: str, retry_after: Seconds | None) -> None:
        await self.known(lambda: self._server.release(lease_id, reason, retry_after))

    async def sign_off(self, keep: Sequence[LeaseId]) -> None:
        await self._server.sign_off(keep)

    async def known(self, call: Callable[[], Awaitable[T]]) -> T:
        """What `call` gives, repeated after a hello if the server does not know us."""
        try:
            return await call()
        except UnknownAgentError:
            await self.introduce()
        try:
            return await call()
        except UnknownAgentError as error:
            raise ServerUnavailableError(
                "the server forgot us right after our hello", answered=True
            ) from error

    async def _hello(self) -> Terms:
        who = replace(self._who, boot_seq=self._spool.boot_seq, resuming=self._holding())
        return await self._server.hello(who)
