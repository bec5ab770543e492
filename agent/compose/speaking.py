"""Whom the agent calls, and in which dialect."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

import structlog

from agent.compose.introducing import connection_of
from agent.config import LiveSettings, Settings, agent_token, agent_token_if_any
from agent.core.morag_result import WANTED
from agent.edges.clock import SystemClock
from agent.edges.downloads import HttpInputSource
from agent.edges.greeting import speaks_ours
from agent.edges.http import Connection
from agent.edges.job_traffic import JobTraffic
from agent.edges.morag.calls import MoragCalls
from agent.edges.morag.claims import DiskClaims
from agent.edges.morag.problems import refusal
from agent.edges.native_server import Identity, NativeServer
from agent.edges.probe import SystemProbe
from agent.edges.tus import TusClient
from agent.edges.uploads import TusArtifactSink
from agent.model.errors import ConfigError
from agent.model.ids import AgentId, BootId, Bytes, Seconds
from agent.ports import ArtifactSink, InputSource, JobServer
from agent.runtime.dialects import ChosenSink, ChosenSource, Dialect, Undecided
from agent.runtime.lanes import Link
from agent.runtime.morag.holdings import Holdings
from agent.runtime.morag.server import MoragServer, MoragTerms
from agent.runtime.morag.tray import ResultTray
from agent.wire.base import BOOT_HEADER

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Calls:
    server: JobServer
    source: InputSource
    sink: ArtifactSink
    connections: tuple[Connection, ...]
    dialect: Callable[[], str | None]
    """What the server speaks, once that is known."""

    async def close(self) -> None:
        for connection in self.connections:
            await connection.close()


def calls_of(live: LiveSettings, probe: SystemProbe, traffic: JobTraffic, link: Link) -> Calls:
    """Raises `ConfigError` where the dialect needs a token and there is none."""
    if live.current.server_dialect == "morag":
        morag, _, over = _morag(live, traffic, link)
        return _only(morag, over)
    connection = connection_of(live)
    native = _native(live.current, connection, probe, traffic, link)
    if live.current.server_dialect == "native":
        return _only(native, connection)
    morag, finder, over = _morag(live, traffic, link)
    either = Undecided(
        partial(speaks_ours, connection), native, morag, finder, _keyless(live.current)
    )
    source, sink = ChosenSource(either), ChosenSink(either)
    return Calls(either, source, sink, (connection, over), lambda: either.found)


def _only(one: Dialect, connection: Connection) -> Calls:
    return Calls(one.server, one.source, one.sink, (connection,), lambda: one.name)


def _native(
    settings: Settings,
    connection: Connection,
    probe: SystemProbe,
    traffic: JobTraffic,
    link: Link,
) -> Dialect:
    boot_id = BootId(secrets.token_hex(16))
    identity = Identity(agent_id=AgentId(settings.agent_id), boot_id=boot_id)
    boot = {BOOT_HEADER: boot_id}
    return Dialect(
        "native",
        NativeServer(connection, identity, hardware=probe.hardware, health=probe.health),
        HttpInputSource(connection, boot, traffic=traffic, lane=link.down),
        TusArtifactSink(TusClient(connection, boot, traffic=traffic, lane=link.up)),
    )


def _morag(
    live: LiveSettings, traffic: JobTraffic, link: Link
) -> tuple[Dialect, MoragServer, Connection]:
    settings = live.current
    connection = connection_of(live, refusal)
    agent_id = AgentId(settings.agent_id)
    server = MoragServer(
        MoragCalls(connection, agent_id, traffic=traffic, lane=link.up),
        Holdings(DiskClaims(settings.spool, settings.server_url)),
        tray := ResultTray(WANTED),
        SystemClock(),
        Random(),
        MoragTerms(
            largest=lambda: Bytes(live.current.max_file_size),
            idle_interval=Seconds(settings.poll_interval_s),
            result_patience=Seconds(settings.result_timeout_min * 60.0),
        ),
    )
    source = HttpInputSource(connection, traffic=traffic, lane=link.down)
    return Dialect("morag", server, source, tray), server, connection


def _keyless(settings: Settings) -> ConfigError | None:
    """What to say where it turns out that the server wants a token and there is none."""
    if agent_token_if_any(settings) is not None:
        return None
    try:
        agent_token(settings)
    except ConfigError as error:
        # Nobody knows yet: a MoRAG server may do without.
        _log.warning("token.missing", reason=str(error))
        return error
    return None
