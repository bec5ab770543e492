"""The agent's settings: one file, then the environment, then flags; each knows its origin."""

from agent.config.celery import celery_passwords, celery_urls
from agent.config.content_types import known_content_types
from agent.config.derived import (
    announced_types,
    capability_on,
    hides_gpus,
    ledger_file,
    pipeline_settings,
    quotas_of,
    schedule_of,
    slots_on,
    types_told,
    wanted_types,
)
from agent.config.image import wants_a_gpu
from agent.config.loading import Loaded, load
from agent.config.reloading import LiveSettings
from agent.config.settings import Settings
from agent.config.tokens import agent_token, agent_token_if_any, client_token, read_token

__all__ = [
    "LiveSettings",
    "Loaded",
    "Settings",
    "agent_token",
    "agent_token_if_any",
    "announced_types",
    "capability_on",
    "celery_passwords",
    "celery_urls",
    "client_token",
    "hides_gpus",
    "known_content_types",
    "ledger_file",
    "load",
    "pipeline_settings",
    "quotas_of",
    "read_token",
    "schedule_of",
    "slots_on",
    "types_told",
    "wanted_types",
    "wants_a_gpu",
]
