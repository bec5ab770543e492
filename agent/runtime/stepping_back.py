"""Carries what keeps the box from working to its children and to the jobs that wait for them."""

import asyncio
from collections.abc import Mapping

import structlog

from agent.core.breaker import Trusted
from agent.core.stance import stance_of
from agent.model.ids import Instant, Seconds
from agent.model.restraint import Rung
from agent.model.stance import Stance, Step
from agent.runtime.board import Board
from agent.runtime.race import first_of
from agent.runtime.settlement import RETRY_AFTER
from agent.runtime.slots import Slots
from agent.runtime.tools import Tools

PATIENCE = Seconds(5 * 60.0)
"""How long a job waits for a box on which none may begin; then another one should have it."""

_log = structlog.get_logger(__name__)


class SteppingBack:
    """One for an agent: told nothing, it reads the board."""

    def __init__(self, tools: Tools, board: Board, slots: Slots, gpus: Mapping[str, str]) -> None:
        """`gpus`: the names of the pool's devices by the UUIDs of the GPUs."""
        self._tools = tools
        self._board = board
        self._slots = slots
        self._gpus = gpus
        self._followed = Stance()
        self._hand_back_at: Instant | None = None
        """Jobs that wait, if none may begin until then."""

    @property
    def stance(self) -> Stance:
        restraints = tuple(self._board.restraints.values())
        return stance_of(restraints, self._tools.pool.devices, self._gpus, self._tools.clock.now())

    @property
    def pause(self) -> Step | None:
        """Why the whole box takes nothing."""
        whole = self.stance.whole
        return None if whole.rung is Rung.WORK else whole

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            stance = self.stance
            if stance != self._followed:
                # What comes meanwhile counts at once: nobody waits for a GPU that is not needed.
                await first_of(self._follow(stance), self._change_of(stance))
                continue
            if self._hand_back_at is not None and self._tools.clock.now() >= self._hand_back_at:
                self._hand_back_waiting(stance.whole)
            await self._news()

    async def _change_of(self, stance: Stance) -> None:
        while self.stance == stance:
            await self._news()

    async def _news(self) -> None:
        """On the board, the end of a restraint, or of our patience."""
        self._board.seen()
        await first_of(self._board.change(), self._next_moment())

    async def _next_moment(self) -> None:
        clock, now = self._tools.clock, self._tools.clock.now()
        ends = self._board.next_end(now), self._hand_back_at
        coming = [end for end in ends if end is not None and end > now]
        if coming:
            await clock.sleep_until(min(coming))
            self._board.tell()  # a poll in progress does not know it
        else:
            await asyncio.Event().wait()

    async def _follow(self, stance: Stance) -> None:
        before, self._followed = self._followed, stance
        self._hand_back_at = self._end_of_patience(stance)
        if stance.whole != before.whole:
            self._tools.display.paused(stance.whole.why or self._own_pause())
        _log_change(before, stance)
        # At once, so that no job starts on a GPU that is to be left: the pool counts it no more.
        await self._tools.pool.stand(stance)
        self._slots.recount()
        self._board.tell()

    def _end_of_patience(self, stance: Stance) -> Instant | None:
        now = self._tools.clock.now()
        if stance.is_open:
            return None
        if stance.whole.rung is Rung.HAND_BACK:
            return now
        return self._hand_back_at or Instant(now + PATIENCE)

    def _own_pause(self) -> str | None:
        trust = self._board.breaker.trust(self._tools.clock.now())
        return None if isinstance(trust, Trusted) else trust.why

    def _hand_back_waiting(self, step: Step) -> None:
        """Jobs without a child. What is finished is delivered all the same."""
        for job in self._board.jobs:
            if not job.is_computing:
                job.step_back(f"yielded: {step.public}", RETRY_AFTER)


def _log_change(before: Stance, stance: Stance) -> None:
    for device, step in stance.steps.items():
        rung = before.of(device).rung
        if step.rung is Rung.WORK and rung is not Rung.WORK:
            _log.info("agent.went_on", device=device)
        elif step.rung is not rung:
            _log.info("agent.stepped_back", device=device, rung=step.rung.name, reason=step.why)
