"""What the owner may ask of the agent while it runs, and change in its settings."""

import asyncio
import os
from collections.abc import Collection

import structlog

from agent import __version__
from agent.config import LiveSettings, Settings, agent_token_if_any
from agent.edges.clock import SystemClocks
from agent.edges.control_socket import ControlSocket
from agent.edges.http import Connection
from agent.edges.probe import SystemProbe
from agent.edges.spool import DiskSpool
from agent.model.errors import SpoolError
from agent.model.ids import Bytes, Seconds
from agent.runtime.agent import Agent
from agent.runtime.contact import WatchedServer
from agent.runtime.desk import OwnersDesk
from agent.runtime.owner import Owner
from agent.runtime.status import About, Status
from agent.runtime.tools import Policy


def desk_of(
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


async def serve(control: ControlSocket) -> None:
    try:
        async with control.open():
            await asyncio.Event().wait()
    except SpoolError as error:
        # A disk that knows no sockets, say: jobs are done all the same.
        structlog.get_logger(__name__).warning("control.not_open", reason=str(error))


def follow(
    live: LiveSettings,
    connections: Collection[Connection],
    agent: Agent,
    probe: SystemProbe,
    spool: DiskSpool,
) -> None:
    """Hand on what may change while the agent runs; first the one that may be refused."""
    live.on_change(lambda now: _use_token(connections, now))
    live.on_change(lambda now: agent.adopt(policy_of(now, agent.policy.slots)))
    live.on_change(lambda now: probe.keep_health_for(Seconds(now.health_interval_s)))
    live.on_change(lambda now: spool.retain_for(Seconds(now.retention_h * 3600.0)))


def _use_token(connections: Collection[Connection], now: Settings) -> None:
    token = agent_token_if_any(now)
    for connection in connections:
        connection.use_token(None if token is None else token.get_secret_value())


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
