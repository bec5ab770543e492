"""The agent itself: hello, the polling loop, a task for each held job, and an orderly end."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType

import structlog

from agent.core.drain import Drain, Mode
from agent.model.errors import ServerError, SpoolError
from agent.model.ids import Instant, Seconds
from agent.model.lease import Directive, Received
from agent.model.stance import Step
from agent.ports import JobFolder, Resuming, Terms
from agent.runtime.board import Board
from agent.runtime.job import HeldJob
from agent.runtime.leftover import part_with
from agent.runtime.patience import patiently
from agent.runtime.poller import Poller
from agent.runtime.race import INTERRUPTED, first_of
from agent.runtime.resumption import Resumption
from agent.runtime.settlement import LAST_WORD
from agent.runtime.slots import Slots
from agent.runtime.stepping_back import SteppingBack
from agent.runtime.tools import Policy, Tools

LEAVING_REASON = "the agent is stopping"
GOODBYE = Seconds(3.0)
"""What a sign-off may take when nobody is in a hurry."""

_log = structlog.get_logger(__name__)


class LeaveNowError(Exception):
    """Interrupted three times: not even the server is told."""


class Agent:
    def __init__(
        self, tools: Tools, policy: Policy, gpus: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        """`gpus`: how the pool calls the GPUs that it computes on, by their UUIDs."""
        self._tools = tools
        self._policy = policy
        self._slots = Slots(lambda: min(policy.slots, tools.pool.open_places))
        self._drain = Drain(grace=policy.stop_grace)
        self._board = Board(tools.clock.now(), policy.max_consecutive_failures)
        self._stepping_back = SteppingBack(tools, self._board, self._slots, gpus)
        self._resumption = Resumption()
        self._drain_news = asyncio.Event()
        self._introduced = asyncio.Event()
        self._partings: list[asyncio.Task[None]] = []
        self._poller: Poller | None = None

    @property
    def policy(self) -> Policy:
        return self._policy

    @property
    def board(self) -> Board:
        return self._board

    @property
    def drain(self) -> Drain:
        return self._drain

    @property
    def pause(self) -> Step | None:
        """Why the whole box takes nothing."""
        return self._stepping_back.pause

    @property
    def poller(self) -> Poller | None:
        """None until the server has answered our hello."""
        return self._poller

    def adopt(self, policy: Policy) -> None:
        """The owner has changed his mind: jobs that come from now on are under the new rules."""
        self._policy = policy
        self._drain.on_grace(policy.stop_grace)
        self._board.breaker.on_limit(policy.max_consecutive_failures)
        if self._poller is not None:
            self._poller.adopt(policy)
        self._board.tell()

    async def run(self) -> None:
        """Work until drained or stopped; then everything is finished or handed back.

        Raises, in a group, `NewerBootError` when another process runs under our id,
        `RequestRefusedError` when the server refuses our hello or polls, and `LeaveNowError`.
        """
        async with asyncio.TaskGroup() as scope:
            beside = [
                scope.create_task(work)
                for work in (self._watch_drain(), self._tidy(), self._stepping_back.run())
            ]

            def part_with_it(folder: JobFolder) -> None:
                # No work of ours any more: nobody waits for it when the agent is done.
                self._partings.append(scope.create_task(part_with(folder, self._tools)))

            await self._resumption.find(self._tools.spool)
            welcome = await first_of(
                self._introduce(), self._board.until(lambda: self._drain.mode is not Mode.RUNNING)
            )
            if welcome is not INTERRUPTED:
                await self._work(*welcome, part_with_it)
            for task in beside:
                task.cancel()
        _log.info("agent.stopped", reason=self._drain.reason, jobs_taken=self._board.taken)

    def on_interrupt(self) -> None:
        """SIGINT."""
        self._drain.on_interrupt()
        self._tell()

    def on_terminate(self) -> None:
        """SIGTERM."""
        self._drain.on_terminate(self._tools.clock.now())
        self._tell()

    def on_drain(self, reason: str) -> None:
        """The owner wants it to end once what it holds is done."""
        self._drain.on_enough(reason)
        self._tell()

    async def _introduce(self) -> tuple[Terms, Instant]:
        """The server's terms, and when it was asked for them: granted leases count from there."""

        async def hello() -> tuple[Terms, Instant]:
            asked_at = self._tools.clock.now()
            return await self._tools.server.introduce(self._holding), asked_at

        return await patiently(
            hello, what="hello", clock=self._tools.clock, backoff=self._tools.error_backoff
        )

    def _holding(self) -> tuple[Resuming, ...]:
        held = tuple(job.resuming for job in self._board.jobs if job.is_accepted)
        return self._resumption.lines + held

    @property
    def restraints(self) -> Mapping[str, int]:
        """How far each source has us step back: the server's pause, for one, is rung 1."""
        in_force = self._board.in_force(self._tools.clock.now())
        return {source: int(one.rung) for source, one in in_force}

    async def introduced(self) -> None:
        """Wait until the server has answered our hello."""
        await self._introduced.wait()

    async def _work(
        self, terms: Terms, asked_at: Instant, part_with_it: Callable[[JobFolder], None]
    ) -> None:
        self._introduced.set()
        async with asyncio.TaskGroup() as jobs:

            def hold(received: Received, folder: JobFolder | None = None) -> None:
                job = HeldJob(received, self._tools, self._policy, self._slots, self, folder)
                self._board.take(job)
                jobs.create_task(self._run_job(job))

            def start(received: Received) -> None:
                if self._drain.mode is Mode.RUNNING:  # Else it goes back by itself: not accepted.
                    hold(received)

            self._resumption.settle(terms, asked_at, go_on=hold, part_with=part_with_it)
            self._poller = poller = Poller(
                self._tools,
                self._policy,
                self._board,
                self._drain,
                self._stepping_back,
                on_offer=start,
                on_directive=self.on_directive,
            )
            await poller.run()
            _log.info("agent.draining", reason=self._drain.reason, held=len(self._board.jobs))
        await self._sign_off()
        if poller.refusal is not None:
            raise poller.refusal

    async def _sign_off(self) -> None:
        """Release what is still held, all but the finished results; without asking twice."""
        for parting in self._partings:
            parting.cancel()  # after a sign-off its question would be answered with `newer_boot`
        clock = self._tools.clock
        # A process that was told to end has little time left: 8 s of grace, 0.8 for a job's last
        # word and 0.8 for this stay under the 10 s that a container gets.
        most = LAST_WORD if self._drain.mode > Mode.DRAINING else GOODBYE
        with suppress(ServerError):
            await first_of(
                self._tools.server.sign_off(self._board.kept),
                clock.sleep_until(Instant(clock.now() + most)),
            )

    async def _run_job(self, job: HeldJob) -> None:
        ending = await job.run()
        now = self._tools.clock.now()
        self._board.on_settled(job.settlement, now)
        self._board.give_up(job, ending, now)
        most = self._policy.max_jobs
        if most is not None and self._board.taken >= most and not self._board.jobs:
            self._drain.on_enough(f"{most} jobs were taken")
            self._tell()

    def on_directive(self, directive: Directive, reason: str | None) -> None:
        """The server asks something of the whole agent."""
        self._board.on_directive(directive, reason)
        mode = self._drain.mode
        self._drain.on_directive(directive, reason)
        if self._drain.mode is not mode:
            self._tell()

    def on_move(self) -> None:
        """A job was accepted, or needs its slot no more: a poll in progress does not know that."""
        self._board.tell()

    def _tell(self) -> None:
        self._drain_news.set()
        self._board.tell()

    async def _watch_drain(self) -> None:
        """Carry the mode to the jobs; leave at once when that is wanted."""
        while True:
            await first_of(self._drain_news.wait(), self._grace_end())
            self._drain_news.clear()
            self._drain.on_wakeup(self._tools.clock.now())
            match self._drain.mode:
                case Mode.FINISHING:
                    self._hand_back([job for job in self._board.jobs if not job.is_computing])
                case Mode.RETURNING:
                    self._hand_back(self._board.jobs)
                case Mode.LEAVING:
                    raise LeaveNowError
                case Mode.RUNNING | Mode.DRAINING:
                    pass

    async def _tidy(self) -> None:
        clock = self._tools.clock
        while True:
            try:
                await self._tools.spool.tidy()
            except SpoolError as error:
                # What fills the disk shows where it matters: no job is asked for.
                _log.warning("spool.not_tidied", reason=str(error))
            await clock.sleep_until(Instant(clock.now() + self._policy.tidy_every))

    async def _grace_end(self) -> None:
        end = self._drain.next_wakeup
        if end is None:
            await asyncio.Event().wait()
        else:
            await self._tools.clock.sleep_until(end)

    def _hand_back(self, jobs: Iterable[HeldJob]) -> None:
        for job in jobs:
            job.hand_back(f"{LEAVING_REASON}: {self._drain.reason}")
