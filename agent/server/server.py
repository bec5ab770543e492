"""The running server: what the routes share, and what goes on beside them."""

import asyncio
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass

import structlog

from agent.model.ids import JobId
from agent.server.blobs import Blobs
from agent.server.bugs import place_of
from agent.server.clock import Clock
from agent.server.fleet import Fleet
from agent.server.gatekeeper import Gatekeeper
from agent.server.metrics import Metrics
from agent.server.polls import Matchmaker
from agent.server.problems import ProblemError
from agent.server.queue.values import Moment
from agent.server.receiving import Receiver
from agent.server.settings import ServerSettings
from agent.server.store import clients, upkeep
from agent.server.store.store import Store, full_disk_named
from agent.server.store.transaction import Transaction
from agent.server.streams import Streams
from agent.server.trials import Trials
from agent.wire.problems import ProblemCode

ALIVE_EVERY_S = 10.0
"""How exactly the time that the server was down is known after a crash."""
SHORTEST_REST_S = 0.02
REST_AFTER_BUG_S = 1.0


@dataclass(frozen=True, slots=True)
class Running:
    """What exists only between start and stop."""

    store: Store
    matchmaker: Matchmaker
    receiver: Receiver
    gatekeeper: Gatekeeper


class Server:
    def __init__(self, settings: ServerSettings, clock: Clock, rng: random.Random) -> None:
        self.settings = settings
        self.clock = clock
        self.metrics = Metrics()
        self.fleet = Fleet()
        self.streams = Streams()
        self.trials = Trials()
        self.blobs = Blobs(settings.folder, settings.reserve_bytes)
        self.results = asyncio.Event()
        """Set when a job is complete whose result somebody waits for."""
        self._companions: list[Callable[[], AbstractAsyncContextManager[None]]] = []
        self._rng = rng
        self._running: Running | None = None
        self._trouble: ProblemError | None = None
        self._alive_at = float("-inf")
        self._log = structlog.get_logger("agent.server")

    @property
    def is_running(self) -> bool:
        return self._running is not None

    @property
    def running(self) -> Running:
        if self._running is None:
            raise ProblemError(ProblemCode.UNAVAILABLE, "the server is not running")
        return self._running

    @property
    def trouble(self) -> ProblemError | None:
        """Why the database could not be written when that was tried last."""
        return self._trouble

    @property
    def store(self) -> Store:
        return self.running.store

    @property
    def now(self) -> Moment:
        return Moment(self.clock.now())

    def accompany(self, companion: Callable[[], AbstractAsyncContextManager[None]]) -> None:
        """It lives while the server runs, and ends before the store closes."""
        self._companions.append(companion)

    @asynccontextmanager
    async def lifespan(self) -> AsyncIterator[None]:
        """Owns the data folder while it is entered. Raises what `Store.open` raises.

        An app that mounts this one enters it in its own lifespan: frameworks do not run the
        lifespans of mounted apps.
        """
        store = await Store.open(
            self.settings.folder, self.clock, self.settings.numbers, self._on_commit
        )
        try:
            with full_disk_named(self.settings.folder):
                await self._tidy(store)
            self._running = self._assemble(store)
            self._log.info("server.started", folder=str(self.settings.folder))
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(self._background())
                for companion in self._companions:
                    await stack.enter_async_context(companion())
                yield
            await self._note_end(store)
        finally:
            self._running = None
            store.close()
            self._log.info("server.stopped")

    async def _tidy(self, store: Store) -> None:
        await asyncio.to_thread(self.blobs.prepare)
        if not store.is_new:
            known = await store.run(upkeep.known_jobs)
            await asyncio.to_thread(self.blobs.remove_unknown, known)

    async def _note_end(self, store: Store) -> None:
        """Spares the next start a guess, no more: stopping succeeds without it."""
        try:
            await store.run(upkeep.note_alive)
        except ProblemError as error:
            self._log.warning("end.unnoted", code=error.problem.code)

    def _assemble(self, store: Store) -> Running:
        self.streams = Streams()
        self.trials = Trials()
        self._trouble = None
        receiver = Receiver(store, self.blobs, self.metrics.bytes_in.inc)
        matchmaker = Matchmaker(store, self.fleet, self._rng)
        return Running(store, matchmaker, receiver, Gatekeeper(store))

    @asynccontextmanager
    async def _background(self) -> AsyncIterator[None]:
        tasks = (
            asyncio.create_task(self.forever(self.running.matchmaker.run)),
            asyncio.create_task(self.forever(self._keep_up)),
        )
        try:
            yield
        finally:
            self.stop_waiting()
            for task in tasks:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def forever(self, work: Callable[[], Awaitable[None]]) -> None:
        while True:
            try:
                await work()
            except Exception as error:  # noqa: BLE001 - a bug must not end offers for good
                self._log.error("loop.broken", error=type(error).__name__, where=place_of(error))
                await asyncio.sleep(REST_AFTER_BUG_S)

    def stop_waiting(self) -> None:
        """Answer every parked poll and end every event stream: the process is about to stop."""
        if self._running is not None:
            self._running.matchmaker.close()
        self.streams.close()
        self.trials.close()

    def _on_commit(self, transaction: Transaction) -> None:
        self.streams.tell(transaction.changed)
        if transaction.has_result:
            self.results.set()
        if transaction.has_work and self._running is not None:
            self._running.matchmaker.look_again()

    async def _keep_up(self) -> None:
        while True:
            rest = self.settings.sweep_every_s
            try:
                due = await self.sweep()
                if due is not None:
                    rest = min(rest, max(SHORTEST_REST_S, due - self.now))
                self._trouble = None
            except ProblemError as error:
                if self._trouble is None:  # once, not every second for as long as it lasts
                    self._log.warning("sweep.failed", code=error.problem.code)
                self._trouble = error
            await asyncio.sleep(rest)

    async def sweep(self) -> Moment | None:
        """Deadlines, retention, and the slow re-look; when the next deadline falls due."""
        swept = await self.store.run(upkeep.sweep)
        self.metrics.expired.inc(swept.leases_expired)
        self.metrics.lapsed.inc(swept.offers_lapsed)
        if len(self.running.matchmaker) and await self.store.run(upkeep.has_waiting):
            self.running.matchmaker.look_again()
        await self._remove_stale()
        # While there is trouble every sweep writes, so that its end is noticed.
        if self._trouble is not None or self.now - self._alive_at >= ALIVE_EVERY_S:
            await self.store.run(upkeep.note_alive)
            self._alive_at = self.now
        return swept.next_due

    async def _remove_stale(self) -> None:
        ended_before = Moment(self.now - self.settings.retention_s)
        created_before = Moment(self.now - self.settings.created_retention_s)

        def forget_stale(tx: Transaction) -> list[JobId]:
            stale = clients.stale(tx, ended_before, created_before)
            for job_id in stale:
                clients.forget(tx, job_id)
            return stale

        for job_id in await self.store.run(forget_stale):
            await self.remove_files(job_id)
            self._log.info("job.forgotten", job=job_id)

    async def remove_files(self, job_id: JobId) -> None:
        """After the rows: a crash in between leaves a folder that the next start removes."""
        await asyncio.to_thread(self.blobs.remove_job, job_id)
