"""Starts the worker, once everything that it stands between answers."""

import logging
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import structlog
from celery import Celery, signals
from celery.platforms import SecurityWarning
from kombu.exceptions import KombuError
from kombu.utils.url import maybe_sanitize_url

from agent.celery_bridge.app import QUEUES, build
from agent.celery_bridge.errand import Access
from agent.celery_bridge.hands import Hands
from agent.celery_bridge.order import KindOf
from agent.celery_bridge.pool import Opened, WaitingPool
from agent.celery_bridge.results import Results
from agent.celery_bridge.wait import Desk
from agent.edges.http import Connection
from agent.edges.jobs_client import JobsClient
from agent.model.errors import ConfigError, ServerUnavailableError
from agent.model.ids import JsonObject, Seconds

ANSWER_WITHIN_S = 5.0
FORGETFUL = frozenset({"rpc", "amqp"})
"""Result backends that are a message to one caller, where nobody can look a result up."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a person decides about a bridge."""

    broker_url: str
    result_url: str
    input_folders: Sequence[Path]
    but_not: Path
    tasks: int
    visibility: Seconds


def run(terms: Terms, connect: Callable[[], Connection], kind_of: KindOf) -> int:
    """Until a signal; gives what Celery's worker ends with.

    Raises `ServerUnavailableError` where broker or result backend do not answer at the start.
    """
    outcomes: dict[str, JsonObject] = {}
    app = build(terms.broker_url, terms.result_url, terms.visibility, outcomes)
    _ask_broker(app, terms)
    _ask_backend(app, terms)
    _quieten()

    def open_desk() -> Opened:
        connection = connect()
        access = Access(JobsClient(connection), terms.input_folders, terms.but_not)
        return Desk(access, Results(app, Hands()), outcomes, kind_of), connection.close

    pool = type("BridgePool", (WaitingPool,), {"open_desk": staticmethod(open_desk)})
    worker = app.Worker(
        pool=pool,
        concurrency=terms.tasks,
        queues=list(QUEUES),
        quiet=True,
        without_gossip=True,
        hostname="morag-agent@%h",
    )
    signals.worker_ready.connect(_greet, weak=False)
    worker.start()
    return int(worker.exitcode or 0)


def _ask_broker(app: Celery, terms: Terms) -> None:
    where = maybe_sanitize_url(terms.broker_url)
    try:
        with app.connection_for_read(connect_timeout=ANSWER_WITHIN_S) as connection:
            connection.ensure_connection(max_retries=1, interval_start=0, timeout=ANSWER_WITHIN_S)
    except (KombuError, OSError) as error:
        raise ServerUnavailableError(
            f"the Celery broker {where} does not answer: {_reason(error)}; is it running, and"
            " celery.broker_url right?"
        ) from error
    except (ImportError, KeyError) as error:
        raise ConfigError(f"celery.broker_url: Celery cannot speak to {where}: {error}") from error


def _ask_backend(app: Celery, terms: Terms) -> None:
    where = maybe_sanitize_url(terms.result_url)
    if urlsplit(terms.result_url).scheme in FORGETFUL:
        raise ConfigError(
            f"celery.result_url: {where} keeps no results, so that a result told once could be told"
            " again: name a Redis or a database (redis://HOST/1)"
        )
    backend = app.backend
    backend.max_retries, patient = 0, backend.max_retries
    try:
        backend.get_task_meta("morag-agent")
    except Exception as error:
        # Each backend has errors of its own.
        raise ServerUnavailableError(
            f"the Celery result backend {where} does not answer: {_reason(error)}; is it running,"
            " and celery.result_url right?"
        ) from error
    backend.max_retries = patient


def _reason(error: BaseException) -> str:
    """What went wrong at first: each layer above has only put its own name around it."""
    while error.__cause__ is not None:
        error = error.__cause__
    return str(error) or type(error).__name__


def _quieten() -> None:
    """Celery tells of each success with the text of the result: it is nobody's but the caller's."""
    signals.setup_logging.connect(_leave_logging, weak=False)
    for name in ("celery", "kombu", "amqp", "redis"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # It warns of what a superuser might unpickle, and here nothing is.
    warnings.simplefilter("ignore", SecurityWarning)


def _greet(**_options: object) -> None:
    structlog.get_logger("agent.celery_bridge").info("bridge.ready", queues=list(QUEUES))


def _leave_logging(**_options: object) -> None:
    """Whoever is connected to that signal has set up the logging: we have."""
