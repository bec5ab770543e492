"""What the agent says of itself, and how it reaches its server."""

from collections.abc import Collection, Sequence
from functools import partial

from pydantic import SecretStr

from agent import __version__
from agent.compose.lending import sockets_of
from agent.config import (
    LiveSettings,
    Settings,
    agent_token_if_any,
    announced_types,
    capability_on,
    pipeline_settings,
    slots_on,
    wanted_types,
)
from agent.edges.http import Connection
from agent.edges.manner import Manner, Refusal
from agent.edges.problems import error_of
from agent.model.errors import ConfigError
from agent.model.hardware import Hardware
from agent.pipelines.registry import obstacle
from agent.ports import Introduction


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


def connection_of(live: LiveSettings, refusal: Refusal = error_of) -> Connection:
    """`refusal`: what an error of the server means, in its dialect."""
    settings = live.current
    # Only our own server says something every half a minute.
    sockets = sockets_of(settings, are_silent_for_long=refusal is not error_of)
    return Connection(
        settings.server_url,
        _text(agent_token_if_any(settings)),
        user_agent=f"morag-agent/{__version__}",
        new_token=partial(_new_token, live),
        sockets=sockets,
        manner=Manner(key_form=settings.server_key_form, refusal=refusal),
    )


def _new_token(live: LiveSettings) -> str | None:
    """What the token file holds by now; None where it can no longer be read."""
    try:
        return _text(agent_token_if_any(live.current))
    except ConfigError:
        return None


def _text(token: SecretStr | None) -> str | None:
    return None if token is None else token.get_secret_value()
