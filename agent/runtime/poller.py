"""The one loop that takes work: a single poll outstanding, asked only when there is a place."""

import asyncio
import secrets
from collections.abc import Callable

import structlog

from agent.core.admission import AskForWork, Decision, OnlyBeat, View, admit
from agent.core.breaker import Paused, Probing, Trusted
from agent.core.drain import Drain, Mode
from agent.model.errors import RequestRefusedError
from agent.model.ids import Bytes, Instant, Seconds
from agent.model.lease import Directive, Received
from agent.ports import Ask, PollResult
from agent.runtime.board import Board
from agent.runtime.patience import patiently
from agent.runtime.race import INTERRUPTED, first_of
from agent.runtime.self_pause import SelfPause
from agent.runtime.stepping_back import SteppingBack
from agent.runtime.tools import Policy, Tools

REST = Seconds(1.0)
"""After an answer that came at once and brought nothing: a broken server must not be hammered."""
MB = 10**6

_log = structlog.get_logger(__name__)


class Poller:
    def __init__(  # noqa: PLR0913 - it looks at everything that could keep us from a job
        self,
        tools: Tools,
        policy: Policy,
        board: Board,
        drain: Drain,
        stepping_back: SteppingBack,
        *,
        on_offer: Callable[[Received], None],
        on_directive: Callable[[Directive, str | None], None],
    ) -> None:
        self._tools = tools
        self._policy = policy
        self._board = board
        self._drain = drain
        self._stepping_back = stepping_back
        self._self_pause = SelfPause(tools, board.breaker)
        self._on_offer = on_offer
        self._on_directive = on_directive
        self._last_reason = ""
        self._heard: PollResult | None = None
        self.refusal: RequestRefusedError | None = None
        """Why the server does not want to hear us, if that is how it ended."""

    @property
    def obstacle(self) -> str | None:
        """Why no job is asked for; None: one is."""
        decision = admit(self._view())
        return decision.why if isinstance(decision, OnlyBeat) else None

    @property
    def why_less(self) -> str | None:
        """Why less is asked for than we can do, by the owner's terms."""
        foresight, left = self._tools.foresight, self._tools.quota_left()
        if foresight is not None and (hurry := foresight.why_less()) is not None:
            return hurry
        if left is not None and left < self._policy.max_input:
            return f"the transfer quota leaves {left / MB:.0f} MB for inputs"
        return None

    @property
    def heard(self) -> PollResult | None:
        """What the last poll that asked for a job was answered, if it was that there is none."""
        return self._heard

    def adopt(self, policy: Policy) -> None:
        """The owner has changed his mind."""
        self._policy = policy

    async def run(self) -> None:
        """Poll until the agent takes nothing new any more."""
        while self._drain.mode is Mode.RUNNING:
            if self._self_pause.is_behind:
                await first_of(
                    self._self_pause.follow(),
                    self._board.until(lambda: self._drain.mode is not Mode.RUNNING),
                )
                continue
            self._board.seen()
            if not all(job.is_accepted for job in self._board.jobs):
                # A poll would only bring the same offer again.
                await self._board.change()
                continue
            decision = admit(self._view())
            ask = self._ask(decision)
            asked_at = self._tools.clock.now()
            if isinstance(decision, OnlyBeat):
                self._say_why_idle(decision.why)
            try:
                result = await first_of(self._poll(ask), self._change_of(self._stance()))
            except RequestRefusedError as error:
                # A bug on one of the two sides. What is held is finished all the same.
                self.refusal = error
                self._drain.on_enough(f"the server refuses our polls: {error}")
                return
            if result is not INTERRUPTED:
                await self._hear(result, decision, asked_at)

    async def _poll(self, ask: Ask) -> PollResult:
        return await patiently(
            lambda: self._tools.server.poll(ask),
            what="poll",
            clock=self._tools.clock,
            backoff=self._tools.error_backoff,
        )

    async def _hear(self, result: PollResult, decision: Decision, asked_at: Instant) -> None:
        now = self._tools.clock.now()
        if isinstance(decision, AskForWork):
            # What came with a job says nothing of those that are left.
            self._heard = result if result.offer is None else None
        self._on_directive(result.directive, result.reason)
        offer = result.offer
        if offer is not None and not self._board.holds(offer.lease_id):
            self._last_reason = ""
            self._on_offer(Received(offer, now))
            return
        if isinstance(decision, AskForWork):
            reasons = self.why_less, why_nothing(result)
            self._say_why_idle("; ".join(filter(None, reasons)))
        self._stop_if_idle_too_long(now)
        if now - asked_at < REST and self._drain.mode is Mode.RUNNING:
            # An offer that we hold already rests too: its renewal is on the way.
            await first_of(self._tools.clock.sleep_until(Instant(now + REST)), self._board.change())

    async def _change_of(self, stance: tuple[object, ...]) -> None:
        """Wait until a poll that was sent in this stance says something that is no longer true."""
        while self._stance() == stance:
            self._board.seen()
            await first_of(self._board.change(), self._pause_end())

    async def _pause_end(self) -> None:
        """Of our own; who steps back tells when that of another ends."""
        trust = self._board.breaker.trust(self._tools.clock.now())
        if isinstance(trust, Paused):
            await self._tools.clock.sleep_until(trust.until)
        else:
            await asyncio.Event().wait()

    def _stance(self) -> tuple[object, ...]:
        ask = admit(self._view())
        places = (ask.free_slots, ask.prefetch) if isinstance(ask, AskForWork) else ask.why
        waits_for_idleness = self._policy.exit_when_idle is not None and not self._board.jobs
        return self._policy, self._drain.mode, places, waits_for_idleness

    def _view(self) -> View:
        policy, board = self._policy, self._board
        most = policy.max_jobs
        paused, trust = self._own_pause()
        foresight, pause = self._tools.foresight, self._stepping_back.pause
        return View(
            slots=min(policy.slots, self._tools.pool.open_places),
            held=sum(job.needs_slot for job in board.jobs),
            jobs_left=None if most is None else most - board.taken,
            disk_free=self._tools.spool.free(),
            awaited=self._tools.awaited.total,
            disk_reserve=policy.disk_reserve,
            max_input=policy.max_input,
            paused=paused if pause is None else pause.why,
            trust=trust,
            doable=None if foresight is None else foresight.doable(),
            hurry="" if foresight is None else foresight.why(),
            quota_left=self._tools.quota_left(),
        )

    def _own_pause(self) -> tuple[str | None, int | None]:
        """Why we take nothing, and how many more jobs we take at most."""
        match self._board.breaker.trust(self._tools.clock.now()):
            case Paused(why):
                return why, 0
            case Probing():
                return None, 1 - self._board.unsettled
            case Trusted(may_hold):
                return None, None if may_hold is None else may_hold - self._board.unsettled

    def _why_idle(self, decision: Decision) -> str | None:
        """What the server is to tell about us; a box that has no place left is not idle."""
        if (pause := self._stepping_back.pause) is not None:
            return pause.public
        trust = self._board.breaker.trust(self._tools.clock.now())
        if isinstance(trust, Probing):
            return trust.why
        is_full = sum(job.needs_slot for job in self._board.jobs) >= self._policy.slots
        return decision.why if isinstance(decision, OnlyBeat) and not is_full else None

    def _ask(self, decision: Decision) -> Ask:
        why_idle = self._why_idle(decision)
        if not isinstance(decision, AskForWork):
            decision = AskForWork(free_slots=0, prefetch=0, max_input=Bytes(0))
        return Ask(
            request_id=secrets.token_hex(16),
            wait=self._wait(),
            free_slots=decision.free_slots,
            prefetch=decision.prefetch,
            max_input=decision.max_input,
            content_types=decision.content_types,
            why_idle=why_idle,
        )

    def _wait(self) -> Seconds:
        longest = self._tools.server.poll_wait
        patience = self._policy.exit_when_idle
        if patience is None or self._board.jobs:
            return longest
        left = self._board.idle_since + patience - self._tools.clock.now()
        return Seconds(min(longest, max(0.0, left)))

    def _stop_if_idle_too_long(self, now: Instant) -> None:
        patience = self._policy.exit_when_idle
        if patience is None or self._board.jobs:
            return
        if now - self._board.idle_since >= patience:
            self._drain.on_enough(f"idle for {patience:g} s")

    def _say_why_idle(self, reason: str) -> None:
        """In one line, and only when it changes."""
        if reason != self._last_reason and not self._board.jobs:
            self._last_reason = reason
            _log.info("agent.idle", reason=reason)


def why_nothing(result: PollResult) -> str:
    """What the answer says about the jobs that wait."""
    if not result.skipped:
        return "no job is waiting"
    waiting = ", ".join(f"{count} {why}" for why, count in sorted(result.skipped.items()))
    return f"the waiting jobs are not for us: {waiting}"
