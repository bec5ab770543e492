"""Brings one input to the spool: resumes what was cut, starts again what changed, checks it all."""

from collections.abc import Callable

import structlog

from agent.core.pace import Pace
from agent.core.resume import (
    NOTHING_LEFT,
    PART,
    WHOLE,
    Answer,
    Fetch,
    Have,
    Mismatch,
    StartOver,
    TakeFrom,
    Verify,
    judge,
    plan,
)
from agent.core.tries import Tries
from agent.model.errors import (
    CredentialsRefusedError,
    InputCorruptError,
    InputUnavailableError,
    JobReturnedError,
    ServerUnavailableError,
)
from agent.model.ids import Bytes, Instant
from agent.model.lease import InputRef
from agent.ports import Body, NothingLeft, Opened, Part, Partial, Whole
from agent.runtime.patience import CREDENTIALS_BACKOFF
from agent.runtime.tools import Policy, Tools

_log = structlog.get_logger(__name__)


class Download:
    """One input on its way into one partial file."""

    def __init__(
        self,
        ref: InputRef,
        partial: Partial,
        tools: Tools,
        policy: Policy,
        on_progress: Callable[[float], None],
    ) -> None:
        self._ref = ref
        self._partial = partial
        self._tools = tools
        self._policy = policy
        self._on_progress = on_progress
        self._tries = Tries(tools.clock.now())
        self._was_refetched = False
        self._refusals = 0

    async def run(self) -> None:
        """Return when the partial file holds the promised bytes.

        Raises `InputUnavailableError`, `InputCorruptError`, `JobReturnedError` for an input that
        is too large for this agent, and what the server says about the lease.
        """
        if (self._ref.size or 0) > self._policy.max_input:
            raise self._too_large()
        while True:
            step = plan(self._have(), self._ref.size)
            if isinstance(step, Verify):
                if await self._is_right():
                    return
                continue
            try:
                if await self._ask_for(step) and await self._is_right():
                    return
            except CredentialsRefusedError as error:
                await self._wait_for_credentials(error)
            except ServerUnavailableError as error:
                await self._pause(error)

    def _have(self) -> Have:
        return Have(self._partial.length, self._partial.etag)

    async def _ask_for(self, fetch: Fetch) -> bool:
        return await self._tools.server.known(lambda: self._take(fetch))

    async def _take(self, fetch: Fetch) -> bool:
        """Take what one request gives; True when the source has nothing more to give."""
        async with self._tools.source.open(
            self._ref.url, offset=fetch.offset, etag=fetch.etag
        ) as body:
            judgement = judge(_answer(body.opened), fetch, self._have(), self._ref.size)
            match judgement:
                case Verify():
                    return True
                case Mismatch(reason):
                    await self._refetch(reason)
                    return False
                case StartOver(etag, is_open, reason):
                    _log.debug("input.started_over", reason=reason)
                    await self._partial.restart(etag)
                    if not is_open:
                        raise ServerUnavailableError(reason, answered=True)
                case TakeFrom():
                    pass
            return await self._receive(body)

    async def _receive(self, body: Body) -> bool:
        pace = Pace(self._tools.clock.now())
        size = self._ref.size
        try:
            async for chunk in body.chunks():
                await self._partial.append(chunk)
                now = self._tools.clock.now()
                self._note(now)
                if size is not None and self._partial.length > size:
                    break  # Not worth another byte: the check will say so.
                if pace.is_stalled(len(chunk), now):
                    raise ServerUnavailableError("the download fell under 1 KiB a second")
        finally:
            # What came before a cut is kept: the next request goes on behind it.
            await self._partial.flush()
        if size is not None and self._partial.length < size:
            raise ServerUnavailableError("the source ended early", answered=True)
        return True

    def _note(self, now: Instant) -> None:
        length = self._partial.length
        self._tries.on_bytes(length, now)
        size = self._ref.size
        if size is None and length > self._policy.max_input:
            raise self._too_large()
        self._on_progress(min(1.0, length / size) if size else 0.0)

    def _too_large(self) -> JobReturnedError:
        return JobReturnedError(f"too_large: the input is over {self._policy.max_input} bytes")

    async def _is_right(self) -> bool:
        """Compare with the promise; the first mismatch is fetched again from zero."""
        size, sha256 = self._ref.size, self._ref.sha256
        if size is not None and self._partial.length != size:
            await self._refetch(f"the input has {self._partial.length} bytes, expected {size}")
            return False
        digest = await self._partial.digest()
        if sha256 is not None and digest != sha256:
            await self._refetch(f"the input's sha256 is {digest}, expected {sha256}")
            return False
        return True

    async def _refetch(self, reason: str) -> None:
        if self._was_refetched:
            raise InputCorruptError(reason)
        self._was_refetched = True
        _log.warning("input.refetched", reason=reason)
        await self._partial.restart(None)

    async def _wait_for_credentials(self, error: CredentialsRefusedError) -> None:
        """A person has to mend that, so it uses up no try; what is there is kept."""
        clock = self._tools.clock
        pause = CREDENTIALS_BACKOFF.delay(self._refusals)
        self._refusals += 1
        _log.warning("input.postponed", reason=str(error), retry_in_s=pause)
        await clock.sleep_until(Instant(clock.now() + pause))

    async def _pause(self, error: ServerUnavailableError) -> None:
        clock = self._tools.clock
        if self._tries.on_failure(clock.now(), answered=error.answered):
            raise InputUnavailableError(f"the input could not be fetched: {error}") from error
        pause = self._tools.error_backoff.delay(self._tries.failures - 1, error.retry_after)
        _log.info(
            "input.interrupted",
            reason=str(error),
            at=self._partial.length,
            retry_in_s=round(pause, 1),
        )
        await clock.sleep_until(Instant(clock.now() + pause))


def _answer(opened: Opened) -> Answer:
    match opened:
        case Whole(total, etag):
            return Answer(WHOLE, 0, total, etag)
        case Part(start, total, etag):
            return Answer(PART, start, total, etag)
        case NothingLeft(total):
            return Answer(NOTHING_LEFT, Bytes(0), total, None)
