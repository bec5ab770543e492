"""The one place that knows every class: builds the edges from the settings and hands them out."""

import asyncio
import os
import secrets
import sys
from collections import Counter
from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial
from random import Random
from typing import TYPE_CHECKING

import structlog

from agent import __version__
from agent.config import (
    LiveSettings,
    Settings,
    agent_token,
    announced_types,
    capability_on,
    pipeline_settings,
    slots_on,
    types_told,
    wanted_types,
)
from agent.edges.child import ChildLostError
from agent.edges.children import ChildPool, Limits
from agent.edges.clock import SystemClock, SystemClocks
from agent.edges.control_socket import ControlSocket
from agent.edges.downloads import HttpInputSource
from agent.edges.file_mark import mark_of
from agent.edges.http import Connection
from agent.edges.native_server import Identity, NativeServer
from agent.edges.nvml import Nvml, Sight
from agent.edges.pause_note import DiskPauseNote
from agent.edges.probe import SystemProbe
from agent.edges.spool import DiskSpool
from agent.edges.tus import TusClient
from agent.edges.uploads import TusArtifactSink
from agent.model.errors import ConfigError, SpoolError
from agent.model.hardware import Hardware
from agent.model.ids import AgentId, BootId, Bytes, Seconds
from agent.model.work import PipelineSettings
from agent.pipelines.registry import obstacle, possible_content_types
from agent.ports import Display, Introduction, Watch
from agent.runtime.agent import Agent
from agent.runtime.contact import WatchedServer
from agent.runtime.desk import OwnersDesk
from agent.runtime.introduced import IntroducedServer
from agent.runtime.owner import Owner
from agent.runtime.rereading import Rereading
from agent.runtime.status import About, Status
from agent.runtime.tools import Policy, Tools
from agent.wire.base import BOOT_HEADER

if TYPE_CHECKING:
    from agent.runtime.watching import Keepers

AFTER_THE_FIRST_POLL = 0.05
CHILD = (sys.executable, "-m", "agent.pipelines.child")


@dataclass(frozen=True, slots=True)
class AtWork:
    agent: Agent
    rereading: Rereading


@asynccontextmanager
async def agent_of(
    live: LiveSettings, environ: Mapping[str, str], display: Display
) -> AsyncIterator[AtWork]:
    """Everything that `run` needs; what was opened is closed again.

    Raises `ConfigError` for settings that do not fit together or to the box, or a spool that is
    taken.
    """
    settings, clock = live.current, SystemClock()
    nvml = nvml_of(settings)
    probe = probe_of(settings, nvml)
    refuse_without_gpu(settings, probe.gpus())
    hardware = probe.hardware()
    possible = possible_content_types(pipeline_settings(settings))
    who = introduction(settings, hardware, possible)
    told = types_told(settings, hardware, possible)
    _log().info("agent.started", agent_id=settings.agent_id, **told)
    identity = Identity(agent_id=AgentId(settings.agent_id), boot_id=BootId(secrets.token_hex(16)))
    boot = {BOOT_HEADER: identity.boot_id}
    async with AsyncExitStack() as opened:
        connection = connection_of(live)
        opened.push_async_callback(connection.close)
        spool = DiskSpool(settings.spool, Seconds(settings.retention_h * 3600.0))
        opened.callback(spool.close)
        pool = pool_of(settings, environ, _devices(who, hardware, environ))
        opened.push_async_callback(pool.close)
        native = NativeServer(connection, identity, hardware=probe.hardware, health=probe.health)
        server = WatchedServer(native, clock)
        tools = Tools(
            server=IntroducedServer(server, who, spool),
            source=HttpInputSource(connection, boot),
            sink=TusArtifactSink(TusClient(connection, boot)),
            spool=spool,
            pool=pool,
            clock=clock,
            display=display,
            rng=Random(),
        )
        agent = Agent(tools, policy_of(settings, who.slots))
        _follow(live, connection, agent, probe, spool)
        owner = Owner(agent.board, DiskPauseNote(settings.spool), clock, SystemClocks())
        control = ControlSocket(settings.spool, _desk(live, agent, owner, server, probe))
        rereading = Rereading(live.reread, lambda: mark_of(live.file), clock)
        async with _beside(
            _warm(pool, agent),
            _watch(settings, nvml, agent),
            owner.watch(),
            rereading.run(),
            _serve(control),
        ):
            yield AtWork(agent, rereading)


@asynccontextmanager
async def _beside(*work: Coroutine[None, None, None]) -> AsyncIterator[None]:
    """Do all of it for as long as the block lasts."""
    async with asyncio.TaskGroup() as scope:
        tasks = [scope.create_task(one) for one in work]
        yield
        for task in tasks:
            task.cancel()


def _desk(
    live: LiveSettings, agent: Agent, owner: Owner, server: WatchedServer, probe: SystemProbe
) -> OwnersDesk:
    clocks = SystemClocks()
    about = About(
        agent_id=live.current.agent_id,
        version=__version__,
        pid=os.getpid(),
        server_url=live.current.server_url,
    )
    status = Status(
        agent, about, server, clocks, gpus=probe.gpu_states, settings=lambda: live.unsettled
    )
    return OwnersDesk(agent, owner, status, clocks)


async def _serve(control: ControlSocket) -> None:
    try:
        async with control.open():
            await asyncio.Event().wait()
    except SpoolError as error:
        # A disk that knows no sockets, say: jobs are done all the same.
        _log().warning("control.not_open", reason=str(error))


def _follow(
    live: LiveSettings,
    connection: Connection,
    agent: Agent,
    probe: SystemProbe,
    spool: DiskSpool,
) -> None:
    """Hand on what may change while the agent runs; first the one that may be refused."""
    live.on_change(lambda now: connection.use_token(agent_token(now).get_secret_value()))
    live.on_change(lambda now: agent.adopt(policy_of(now, agent.policy.slots)))
    live.on_change(lambda now: probe.keep_health_for(Seconds(now.health_interval_s)))
    live.on_change(lambda now: spool.retain_for(Seconds(now.retention_h * 3600.0)))


def nvml_of(settings: Settings) -> Nvml | None:
    return Nvml() if settings.gpu else None


def probe_of(settings: Settings, nvml: Nvml | None) -> SystemProbe:
    age = Seconds(settings.health_interval_s)
    return SystemProbe(settings.spool, nvml=nvml, health_max_age=age)


def refuse_without_gpu(settings: Settings, sight: Sight) -> None:
    """Raises `ConfigError`: nobody notices an agent that computes on the processor instead."""
    if settings.gpu_require and not sight.gpus:
        raise ConfigError(
            f"gpu.require is on, and no GPU can be used: {sight.reason};"
            " mend that, or start with --no-require-gpu"
        )


def watch_of(settings: Settings, nvml: Nvml | None) -> Watch:
    """The owner is looked for only where it matters: asking costs a process."""
    # Imported here, as in `keepers_of`: the first poll does not wait for who watches the box.
    from agent.edges.owner import Owner
    from agent.edges.watch import BoxWatch

    owner = Owner() if settings.guest_yield == "when_idle" else None
    return BoxWatch(nvml, owner=owner, wants_programs=bool(settings.guest_programs))


async def _watch(settings: Settings, nvml: Nvml | None, agent: Agent) -> None:
    await agent.introduced()
    from agent.runtime.watching import Watching

    watching = Watching(
        watch_of(settings, nvml),
        keepers_of(settings),
        SystemClock(),
        agent.board.restrain,
        is_computing=lambda: any(job.has_slot for job in agent.board.jobs),
    )
    await watching.run()


def keepers_of(settings: Settings) -> "Keepers":
    from agent.config.guest import guest_policy, power_policy
    from agent.core.guest import Guest
    from agent.core.power import Power
    from agent.core.presence import Presence
    from agent.runtime.watching import Keepers

    return Keepers(
        guest=Guest(guest_policy(settings)),
        presence=Presence(is_required=settings.gpu_require),
        power=Power(power_policy(settings)),
    )


def connection_of(live: LiveSettings) -> Connection:
    return Connection(
        live.current.server_url,
        agent_token(live.current).get_secret_value(),
        user_agent=f"morag-agent/{__version__}",
        new_token=partial(_new_token, live),
    )


def pool_of(
    settings: Settings, environ: Mapping[str, str], devices: Sequence[str | None]
) -> ChildPool:
    limits = Limits(jobs=settings.jobs_per_child, stall=Seconds(settings.stall_limit_s))
    each = per_child(pipeline_settings(settings), devices)
    return ChildPool(CHILD, each, environ, devices, limits)


def per_child(settings: PipelineSettings, devices: Sequence[str | None]) -> PipelineSettings:
    """The owner limits what the agent takes of a GPU; children on one GPU share that."""
    limit = settings.gpu_memory_limit_gb
    if limit is None or not devices:
        return settings
    sharers = max(Counter(devices).values())
    return replace(settings, gpu_memory_limit_gb=limit / sharers)


def _devices(
    who: Introduction, hardware: Hardware, environ: Mapping[str, str]
) -> tuple[str | None, ...]:
    return devices_of(who.slots, len(hardware.gpus), environ.get("CUDA_VISIBLE_DEVICES"))


def devices_of(slots: int, gpus: int, visible: str | None = None) -> tuple[str | None, ...]:
    """The GPU for each slot's child, in turn; None where there is none to pin it to.

    `visible` is the owner's own CUDA_VISIBLE_DEVICES: no child gets a GPU that it leaves out.
    """
    if visible is None:
        names = [str(gpu) for gpu in range(gpus)]
    else:
        names = [name.strip() for name in visible.split(",") if name.strip()]
    return tuple(names[slot % len(names)] if names else None for slot in range(slots))


async def _warm(pool: ChildPool, agent: Agent) -> None:
    # Children compete for the processor with our own start: the first poll goes out first.
    await agent.introduced()
    await asyncio.sleep(AFTER_THE_FIRST_POLL)
    try:
        await pool.start()
    except ChildLostError as error:
        # The first job will try again, and fail with this reason if it must.
        _log().error("child.not_started", reason=str(error))


def introduction(settings: Settings, hardware: Hardware, possible: Collection[str]) -> Introduction:
    """What hello tells. Raises `ConfigError` where there is nothing that the box could do."""
    content_types = announced_types(settings, hardware, possible)
    if not content_types:
        raise ConfigError(_why_nothing(settings, wanted_types(settings, hardware)))
    return Introduction(
        name=settings.agent_name or settings.agent_id,
        version=__version__,
        capability=capability_on(settings, hardware),
        content_types=content_types,
        queues=settings.queues,
        slots=slots_on(settings, hardware),
        boot_seq=0,
        labels=dict(settings.labels),
    )


def _why_nothing(settings: Settings, wanted: Sequence[str]) -> str:
    asked = pipeline_settings(settings)
    ways = dict.fromkeys(filter(None, (obstacle(name, asked) for name in wanted)))
    return f"this box can compute none of {', '.join(wanted)}: {'; or '.join(ways)}"


def _new_token(live: LiveSettings) -> str | None:
    """What the token file holds by now; None where it can no longer be read."""
    try:
        return agent_token(live.current).get_secret_value()
    except ConfigError:
        return None


def policy_of(settings: Settings, slots: int) -> Policy:
    idle = settings.exit_when_idle_s
    return Policy(
        slots=slots,
        max_input=Bytes(settings.max_file_size),
        disk_reserve=Bytes(settings.spool_reserve),
        task_timeout=Seconds(settings.task_timeout_min * 60.0),
        download_timeout=Seconds(settings.download_timeout_min * 60.0),
        renew_every=Seconds(settings.renew_interval_s),
        stop_grace=Seconds(settings.stop_grace_s),
        tidy_every=Seconds(settings.cleanup_interval_min * 60.0),
        max_consecutive_failures=settings.max_consecutive_failures,
        max_jobs=settings.max_jobs,
        exit_when_idle=None if idle is None else Seconds(idle),
    )


def _log() -> structlog.stdlib.BoundLogger:
    log: structlog.stdlib.BoundLogger = structlog.get_logger(__name__)
    return log
