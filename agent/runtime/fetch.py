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
    ServerUnavailableError,
)
from agent.model.ids import Bytes, Instant, Seconds
from agent.model.lease import InputRef
from agent.ports import Body, NothingLeft, Opened, Part, Partial, Whole
from agent.runtime.allowance import Allowance
from agent.runtime.patience import CREDENTIALS_BACKOFF
from agent.runtime.race import INTERRUPTED, first_of
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
        self._on_progress = on_progress
        self._size = ref.size
        """The promised one, else what the source told."""
        self._allowance = Allowance(tools, policy)
        self._tries = Tries(tools.clock.now(), held=partial.length)
        self._was_refetched = False
        self._refusals = 0

    @property
    def moved(self) -> Bytes:
        return self._partial.length

    @property
    def to_move(self) -> Bytes | None:
        return self._size

    async def run(self) -> None:
        """Return when the partial file holds the promised bytes.

        Raises `InputUnavailableError`, `InputCorruptError`, `JobReturnedError` for an input that
        this agent cannot take or that comes too slowly, and what the server says about the lease.
        """
        allowance = self._allowance
        try:
            done = await first_of(self._fetch(), allowance.run_out())
        finally:
            allowance.close()
        if done is INTERRUPTED:
            raise allowance.used_up(self._partial.length)

    async def _fetch(self) -> None:
        while True:
            step = plan(self._have(), self._size)
            if isinstance(step, Verify):
                if await self._is_right():
                    return
                continue
            try:
                self._admit()
                if await self._ask_for(step) and await self._is_right():
                    return
            except CredentialsRefusedError as error:
                await self._wait_for_credentials(error)
            except ServerUnavailableError as error:
                await self._pause(error)

    def _admit(self) -> None:
        self._allowance.check(self._size, self._partial.length)

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
            self._learn(body.opened)
            return await self._receive(body)

    def _learn(self, opened: Opened) -> None:
        """Where nobody promised a size, what the source says of it counts, and is looked at."""
        if self._ref.size is not None:
            return
        if isinstance(opened, Whole) or opened.total is not None:
            self._size = opened.total
        self._admit()

    async def _receive(self, body: Body) -> bool:
        pace = Pace(self._tools.clock.now())
        try:
            async for chunk in body.chunks():
                await self._partial.append(chunk)
                now = self._tools.clock.now()
                self._note(now)
                if self._size is not None and self._partial.length > self._size:
                    break  # Not worth another byte: the check will say so.
                # Time in which our own limits held the source up is not its stall.
                if pace.is_stalled(len(chunk), Instant(now - body.held)):
                    raise ServerUnavailableError("the download fell under 1 KiB a second")
        finally:
            # What came before a cut is kept: the next request goes on behind it.
            await self._partial.flush()
        if self._size is not None and self._partial.length < self._size:
            raise ServerUnavailableError("the source ended early", answered=True)
        return True

    def _note(self, now: Instant) -> None:
        length = self._partial.length
        self._tries.on_bytes(length, now)
        if self._size is None:
            self._allowance.check_growth(length)
        self._on_progress(min(1.0, length / self._size) if self._size else 0.0)

    async def _is_right(self) -> bool:
        """Compare with the promise; the first mismatch is fetched again from zero."""
        size, sha256 = self._size, self._ref.sha256
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
        if self._tries.may_go_on_at_once:
            pause = error.retry_after or Seconds(0.0)
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
