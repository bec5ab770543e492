"""What `doctor` asks the server, without disturbing an agent that runs."""

import uuid
from datetime import UTC, datetime

from agent.cli.check import Check, State
from agent.config import Settings, agent_token
from agent.edges.http import Connection
from agent.edges.jobs_client import JobsClient
from agent.model.errors import (
    ConfigError,
    CredentialsRefusedError,
    NewerBootError,
    ServerError,
    UnknownAgentError,
)
from agent.wire import routes
from agent.wire.agents import Poll
from agent.wire.base import BOOT_HEADER

MOST_SKEW = 60.0
"""Seconds; the protocol does without common clocks, certificates and signed addresses do not."""


async def server_checks(settings: Settings) -> list[Check]:
    token = _token(settings)
    connection = Connection(settings.server_url, token if isinstance(token, str) else None)
    try:
        server = await _server_check(connection, settings.server_url)
        if isinstance(token, Check):
            return [server, token]
        if server.state is State.FAIL:
            return [server, Check("token", State.WARN, "not tried: there is no server to ask")]
        return [server, await _token_check(connection, settings.agent_id)]
    finally:
        await connection.close()


def _token(settings: Settings) -> str | Check:
    """The token, or what stands in its way."""
    try:
        return agent_token(settings).get_secret_value()
    except ConfigError as error:
        found, _, advice = str(error).partition(": ")
        usual = f"python -m agent token create --agent {settings.agent_id} --out FILE"
        return Check("token", State.FAIL, found, advice or usual)


async def _server_check(connection: Connection, url: str) -> Check:
    try:
        health = await JobsClient(connection).health()
    except ServerError as error:
        advice = "start the server, or set --server-url right"
        return Check("server", State.FAIL, f"{url}: {error}", advice)
    skew = (datetime.fromisoformat(health.time) - datetime.now(UTC)).total_seconds()
    found = f"{url}, version {health.version}, its clock is {skew:+.1f} s from ours"
    if abs(skew) > MOST_SKEW:
        return Check("server", State.WARN, found, "set the clocks right (NTP)")
    return Check("server", State.OK, found)


async def _token_check(connection: Connection, agent_id: str) -> Check:
    """A poll of a boot that never said hello: refused before it can touch the one that did."""
    boot_id = f"doctor-{uuid.uuid4().hex}"
    poll = Poll(boot_id=boot_id, request_id=boot_id, wait_s=0, free_slots=0)
    url = connection.at(routes.fill(routes.POLL, agent_id=agent_id))
    try:
        await connection.call("POST", url, json=poll, headers={BOOT_HEADER: boot_id})
    except (UnknownAgentError, NewerBootError):
        pass
    except CredentialsRefusedError as error:
        advice = f"make one at the server: python -m agent token create --agent {agent_id}"
        return Check("token", State.FAIL, f"refused for {agent_id}: {error}", advice)
    except ServerError as error:
        return Check("token", State.WARN, f"cannot tell: {error}", "try again")
    return Check("token", State.OK, f"accepted for {agent_id}")
