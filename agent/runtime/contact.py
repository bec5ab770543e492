"""The server with a memory: how the last call to it ended, and since when that is so."""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from agent.model.errors import CredentialsRefusedError, ServerError, ServerUnavailableError
from agent.model.failures import FailureCode
from agent.model.ids import Instant, LeaseId, Seconds
from agent.model.lease import Renewal
from agent.ports import Ask, Clock, Introduction, JobServer, PollResult, Report, Result, Terms


class WatchedServer:
    """A `JobServer`, and what its calls tell about whether it is there."""

    def __init__(
        self,
        server: JobServer,
        clock: Clock,
        dialect: Callable[[], str | None] = lambda: None,
    ) -> None:
        """`dialect` tells what the server speaks, once that is known."""
        self._server = server
        self._clock = clock
        self._dialect = dialect
        self._since: Instant | None = None
        self._trouble: str | None = None

    @property
    def since(self) -> Instant | None:
        """When the first of the calls that ended like the last one did; None: none has ended."""
        return self._since

    @property
    def trouble(self) -> str | None:
        """Why the last call brought nothing; None: it was answered."""
        return self._trouble

    @property
    def dialect(self) -> str | None:
        return self._dialect()

    async def hello(self, who: Introduction) -> Terms:
        async with self._noted():
            return await self._server.hello(who)

    async def poll(self, ask: Ask) -> PollResult:
        async with self._noted():
            return await self._server.poll(ask)

    async def renew(self, lease_id: LeaseId, report: Report) -> Renewal:
        async with self._noted():
            return await self._server.renew(lease_id, report)

    async def complete(self, lease_id: LeaseId, result: Result) -> None:
        async with self._noted():
            await self._server.complete(lease_id, result)

    async def fail(self, lease_id: LeaseId, code: FailureCode, message: str, detail: str) -> None:
        async with self._noted():
            await self._server.fail(lease_id, code, message, detail)

    async def release(self, lease_id: LeaseId, reason: str, retry_after: Seconds | None) -> None:
        async with self._noted():
            await self._server.release(lease_id, reason, retry_after)

    async def sign_off(self, keep: Sequence[LeaseId]) -> None:
        await self._server.sign_off(keep)

    @asynccontextmanager
    async def _noted(self) -> AsyncIterator[None]:
        try:
            yield
        except ServerUnavailableError as error:
            self._note(str(error))
            raise
        except CredentialsRefusedError as error:
            self._note(f"the server refuses our token: {error}")
            raise
        except ServerError:
            # About a lease, say: the server is there.
            self._note(None)
            raise
        self._note(None)

    def _note(self, trouble: str | None) -> None:
        is_news = self._since is None or (trouble is None) != (self._trouble is None)
        if is_news:
            self._since = self._clock.now()
        self._trouble = trouble
