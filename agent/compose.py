"""The one place that knows every class: builds the edges from the settings and hands them out."""

import asyncio
import secrets
import sys
from collections import Counter
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from functools import partial
from random import Random

import structlog

from agent import __version__
from agent.config import (
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
from agent.edges.children import ChildPool
from agent.edges.clock import SystemClock
from agent.edges.downloads import HttpInputSource
from agent.edges.http import Connection
from agent.edges.native_server import Identity, NativeServer
from agent.edges.nvml import Nvml
from agent.edges.place import Limits
from agent.edges.probe import SystemProbe
from agent.edges.spool import DiskSpool
from agent.edges.tus import TusClient
from agent.edges.uploads import TusArtifactSink
from agent.model.errors import ConfigError
from agent.model.hardware import Hardware
from agent.model.ids import AgentId, BootId, Bytes, Seconds
from agent.model.work import PipelineSettings
from agent.pipelines.registry import obstacle, possible_content_types
from agent.ports import Display, Introduction
from agent.runtime.agent import Agent
from agent.runtime.introduced import IntroducedServer
from agent.runtime.tools import Policy, Tools
from agent.wire.base import BOOT_HEADER

AFTER_THE_FIRST_POLL = 0.05
CHILD = (sys.executable, "-m", "agent.pipelines.child")


@asynccontextmanager
async def agent_of(
    settings: Settings, environ: Mapping[str, str], display: Display
) -> AsyncIterator[Agent]:
    """Everything that `run` needs; what was opened is closed again.

    Raises `ConfigError` for settings that do not fit together or a spool that is taken.
    """
    probe = probe_of(settings)
    hardware = probe.hardware()
    possible = possible_content_types(pipeline_settings(settings))
    who = introduction(settings, hardware, possible)
    told = types_told(settings, hardware, possible)
    _log().info("agent.started", agent_id=settings.agent_id, **told)
    identity = Identity(agent_id=AgentId(settings.agent_id), boot_id=BootId(secrets.token_hex(16)))
    boot = {BOOT_HEADER: identity.boot_id}
    async with AsyncExitStack() as opened:
        connection = connection_of(settings)
        opened.push_async_callback(connection.close)
        spool = DiskSpool(settings.spool, Seconds(settings.retention_h * 3600.0))
        opened.callback(spool.close)
        visible = environ.get("CUDA_VISIBLE_DEVICES")
        devices = devices_of(who.slots, len(hardware.gpus), visible)
        pool = pool_of(settings, environ, devices)
        opened.push_async_callback(pool.close)
        server = NativeServer(connection, identity, hardware=probe.hardware, health=probe.health)
        tools = Tools(
            server=IntroducedServer(server, who, spool),
            source=HttpInputSource(connection, boot),
            sink=TusArtifactSink(TusClient(connection, boot)),
            spool=spool,
            pool=pool,
            clock=SystemClock(),
            display=display,
            rng=Random(),
        )
        agent = Agent(tools, policy_of(settings, who.slots))
        async with asyncio.TaskGroup() as scope:
            warming = scope.create_task(_warm(pool, agent))
            yield agent
            warming.cancel()


def probe_of(settings: Settings) -> SystemProbe:
    return SystemProbe(
        settings.spool,
        nvml=Nvml() if settings.gpu else None,
        health_max_age=Seconds(settings.health_interval_s),
    )


def connection_of(settings: Settings) -> Connection:
    return Connection(
        settings.server_url,
        agent_token(settings).get_secret_value(),
        user_agent=f"morag-agent/{__version__}",
        new_token=partial(_new_token, settings),
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


def devices_of(slots: int, gpus: int, visible: str | None = None) -> tuple[str | None, ...]:
    """The GPU for each slot's child, in turn; None where there is none to pin it to.

    `visible` is the owner's own CUDA_VISIBLE_DEVICES: no child gets a GPU that it leaves out.
    """
    if visible is None:
        names = [str(gpu) for gpu in range(gpus)]
    else:
        names = [name.strip() for name in visible.split(",") if name.strip()]
    return tuple(names[slot % len(names)] if names else None for slot in range(slots))


def names_by_uuid(uuids: Sequence[str], devices: Collection[str | None]) -> dict[str, str]:
    """How `devices_of` calls the GPUs: by number, or as the owner's CUDA_VISIBLE_DEVICES does.

    `uuids` are in the driver's order.
    """
    names = {name for name in devices if name is not None}
    return {
        uuid: name
        for number, uuid in enumerate(uuids)
        for name in names
        if name == str(number) or (not name.isdecimal() and uuid.startswith(name))
    }


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


def _new_token(settings: Settings) -> str | None:
    """What the token file holds by now; None where it can no longer be read."""
    try:
        return agent_token(settings).get_secret_value()
    except ConfigError:
        return None


def policy_of(settings: Settings, slots: int) -> Policy:
    idle = settings.exit_when_idle_s
    return Policy(
        slots=slots,
        max_input=Bytes(settings.max_file_size),
        disk_reserve=Bytes(settings.spool_reserve),
        task_timeout=Seconds(settings.task_timeout_min * 60.0),
        soft_stop=Seconds(settings.soft_stop_min * 60.0),
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
