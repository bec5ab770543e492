"""Puts together who watches the agent and counts what it does."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass

import structlog

from agent.config import Settings, ledger_file
from agent.core.vitality import Vitality
from agent.edges.books import Books
from agent.edges.children import ChildPool
from agent.edges.health import gpu_health
from agent.edges.job_traffic import JobTraffic
from agent.edges.ledger import DAY, DiskLedger
from agent.edges.meter import Meter
from agent.edges.nvml import Nvml
from agent.edges.systemd import Notifier
from agent.edges.watchdog import Watchdog
from agent.model.gpu_state import GpuSight
from agent.model.ids import JsonValue, Seconds
from agent.model.reread import Reread
from agent.ports import JobServer, Spool
from agent.runtime.agent import Agent
from agent.runtime.observed import ObservedServer
from agent.runtime.ticker import tick

TICK_SHARE = 1 / 3
"""Of the time between two looks: each of them finds a fresh tick."""
WATCHDOG_SHARE = 1 / 3
"""Of the time that systemd gives: one message may be lost."""


@dataclass(frozen=True, slots=True)
class Box:
    """Whom the watch port asks besides the books."""

    agent: Agent
    pool: ChildPool
    spool: Spool


class Watched:
    """Everything that counts, from before the first call until after the last one."""

    def __init__(self, settings: Settings, environ: Mapping[str, str], nvml: Nvml | None) -> None:
        self._settings = settings
        self._notifier = Notifier(environ)
        self._nvml = nvml
        self.traffic = JobTraffic()
        self.meter = _meter(nvml) if nvml else Meter()
        self.vitality = Vitality(Seconds(settings.wedge_s))
        keep = Seconds(settings.ledger_keep_days * DAY)
        ledger = DiskLedger(ledger_file(settings), keep=keep)
        on_news = self._notifier.tell_status
        self.books = Books(ledger, self.traffic, self.meter, on_news=on_news)

    def server(self, server: JobServer) -> JobServer:
        """The same, with each call counted and promised to end."""
        return ObservedServer(server, self.vitality, self.books)

    def reread(self, reread: Callable[[], Reread]) -> Reread:
        """The settings, while systemd knows that they are being read."""
        with self._notifier.reloading():
            return reread()

    def close(self) -> None:
        self._notifier.tell_stopping()
        self.books.close()
        self._notifier.close()

    @asynccontextmanager
    async def on_duty(self, box: Box, on_wedge: Callable[[], None] | None) -> AsyncIterator[None]:
        """Watch for as long as the block lasts; `on_wedge` ends the process. None: nobody does.

        Raises `ConfigError` where the watch port cannot be opened.
        """
        every = self.vitality.look_every
        if self._notifier.watchdog is not None:
            every = Seconds(min(every, self._notifier.watchdog * WATCHDOG_SHARE))
        with ExitStack() as opened:
            self._open_port(box, opened)
            if on_wedge is not None:
                alive = self._notifier.tell_alive
                look = self.vitality.on_look
                dog = Watchdog(look, every=every, end=on_wedge, on_alive=alive)
                opened.callback(dog.close)
            async with asyncio.TaskGroup() as scope:
                often = Seconds(every * TICK_SHARE)
                ticking = scope.create_task(tick(self.vitality, self.books, often))
                yield
                ticking.cancel()

    def _open_port(self, box: Box, opened: ExitStack) -> None:
        port, host = self._settings.watch_port, self._settings.watch_host
        if port is None:
            return
        # Only here: an agent that nobody watches does not pay for it.
        from agent.edges.exposition import Sources, exposition
        from agent.edges.watch_port import Page, WatchPort, healthz

        sources = Sources(
            books=self.books,
            slots=box.agent.policy.slots,
            deaths=lambda: box.pool.deaths,
            spool_free=box.spool.free,
            gpus=self._readings,
            restraints=lambda: box.agent.restraints,
            trouble=lambda: self.vitality.trouble,
        )
        pages = {
            "/metrics": lambda: Page(exposition(sources)),
            "/healthz": lambda: healthz(self.vitality.trouble, self.books.line),
        }
        watch = WatchPort(host, port, pages)
        opened.callback(watch.close)
        structlog.get_logger(__name__).info("watch.opened", address=watch.address)

    def _readings(self) -> list[JsonValue]:
        sight = self._nvml.recent if self._nvml else GpuSight()
        told = gpu_health(sight, None)["gpus"]
        return told if isinstance(told, list) else []


def _meter(nvml: Nvml) -> Meter:
    return Meter(nvml.energy_joules, {gpu.index: gpu.uuid for gpu in nvml.latest.gpus})
