"""Everything that `run` needs, opened in order and closed again."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from random import Random

import structlog

from agent.compose.box import nvml_of, probe_of, refuse_without_gpu, tell_of_missed_gpu, watch
from agent.compose.children import devices_for, names_by_uuid, pool_of, warm
from agent.compose.introducing import introduction
from agent.compose.lending import bounds_of, clock_of, foresight_of, lending_of
from agent.compose.ownership import desk_of, follow, policy_of, serve
from agent.compose.speaking import calls_of
from agent.compose.watched import Box, Watched
from agent.config import LiveSettings, pipeline_settings, types_told
from agent.edges.children import ChildPool
from agent.edges.clock import SystemClock, SystemClocks
from agent.edges.control_socket import ControlSocket
from agent.edges.file_mark import mark_of
from agent.edges.http import Connection
from agent.edges.pause_note import DiskPauseNote
from agent.edges.probe import SystemProbe
from agent.edges.spool import DiskSpool
from agent.model.ids import Seconds
from agent.pipelines.registry import possible_content_types
from agent.ports import Display
from agent.runtime.agent import Agent
from agent.runtime.contact import WatchedServer
from agent.runtime.introduced import IntroducedServer
from agent.runtime.lending import Lending
from agent.runtime.owner import Owner
from agent.runtime.rereading import Rereading
from agent.runtime.tools import Tools


@dataclass(frozen=True, slots=True)
class AtWork:
    agent: Agent
    rereading: Rereading


@asynccontextmanager
async def agent_of(
    live: LiveSettings,
    environ: Mapping[str, str],
    display: Display,
    on_wedge: Callable[[], None] | None = None,
) -> AsyncIterator[AtWork]:
    """Everything that `run` needs; what was opened is closed again.

    `on_wedge` ends the process when the loop stands still; without it nobody looks. Raises
    `ConfigError` for settings that do not fit together or to the box, or a spool that is taken.
    """
    settings, clock = live.current, clock_of(live.current)
    nvml = nvml_of(settings)
    probe = probe_of(settings, nvml)
    sight = probe.gpus()
    tell_of_missed_gpu(settings, sight, environ)
    refuse_without_gpu(settings, sight, environ)
    async with AsyncExitStack() as opened:
        watched = Watched(settings, environ, nvml)
        opened.callback(watched.close)
        gear = await _gear(live, environ, display, probe, watched, opened)
        names = names_by_uuid(probe.gpu_states(), gear.pool.devices)
        agent = Agent(gear.tools, policy_of(settings, gear.slots), names)
        follow(live, gear.connections, agent, probe, gear.spool)
        owner = Owner(agent.board, DiskPauseNote(settings.spool), clock, SystemClocks())
        control = ControlSocket(settings.spool, desk_of(live, agent, owner, gear.server, probe))
        rereading = Rereading(
            lambda: watched.reread(live.reread), lambda: mark_of(live.file), clock
        )
        beside = _beside(
            warm(gear.pool, agent),
            watch(settings, nvml, agent),
            gear.lending.run(agent.board.restrain),
            owner.watch(),
            rereading.run(),
            serve(control),
        )
        async with watched.on_duty(Box(agent, gear.pool, gear.spool), on_wedge), beside:
            yield AtWork(agent, rereading)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gear:
    slots: int
    connections: tuple[Connection, ...]
    spool: DiskSpool
    pool: ChildPool
    lending: Lending
    server: WatchedServer
    tools: Tools


async def _gear(
    live: LiveSettings,
    environ: Mapping[str, str],
    display: Display,
    probe: SystemProbe,
    watched: Watched,
    opened: AsyncExitStack,
) -> _Gear:
    settings, clock = live.current, clock_of(live.current)
    hardware = probe.hardware()
    possible = possible_content_types(pipeline_settings(settings))
    who = introduction(settings, hardware, possible)
    told = types_told(settings, hardware, possible)
    structlog.get_logger(__name__).info("agent.started", agent_id=settings.agent_id, **told)
    spool = DiskSpool(settings.spool, Seconds(settings.retention_h * 3600.0))
    opened.callback(spool.close)
    pool = pool_of(settings, environ, devices_for(who, hardware, environ), watched.meter)
    opened.push_async_callback(pool.close)
    lending, foresight = lending_of(settings, clock), foresight_of(settings, who, clock)
    live.on_change(lambda now: foresight.adopt(bounds_of(now, who)))
    await foresight.load()
    calls = calls_of(live, probe, watched.traffic, lending.link)
    opened.push_async_callback(calls.close)
    server = WatchedServer(calls.server, SystemClock(), calls.dialect)
    tools = Tools(
        server=IntroducedServer(watched.server(server), who, spool),
        source=calls.source,
        sink=calls.sink,
        spool=spool,
        pool=pool,
        clock=clock,
        display=display,
        rng=Random(),
        observer=watched.books,
        vitality=watched.vitality,
        foresight=foresight,
        quota_left=lending.quota_left,
    )
    return _Gear(
        slots=who.slots,
        connections=calls.connections,
        spool=spool,
        pool=pool,
        lending=lending,
        server=server,
        tools=tools,
    )


@asynccontextmanager
async def _beside(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do all of it for as long as the block lasts."""
    async with asyncio.TaskGroup() as scope:
        tasks = [scope.create_task(one) for one in work]
        yield
        for task in tasks:
            task.cancel()
