"""Logs: readable on a terminal, JSON lines elsewhere, secrets in neither."""

from __future__ import annotations  # the types of structlog, without importing it

import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from agent.model.errors import ConfigError

if TYPE_CHECKING:
    # structlog costs 70 ms: importing this module stays cheap.
    from structlog.typing import Processor

Format = Literal["auto", "console", "json"]

STARS = "***"
SECRET_KEYS = frozenset({"authorization", "token", "password", "secret", "options", "cookie"})
"""Fields whose value is never shown; a job's options may hold the user's secrets."""
NOISY = ("httpx", "httpcore", "asyncio")
"""They log every request, addresses with signatures included."""

_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[^\s\"',;]+")
_QUERY = re.compile(r"(?i)\b(https?://[^\s?#\"']+)[?#][^\s\"']*")
_USER = re.compile(r"(?i)\b(https?://)[^\s/@\"']+@")


class Redactor:
    """Takes secrets out of everything that is logged, whatever field or text they hide in."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        self._secrets = tuple(sorted((one for one in secrets if one), key=len, reverse=True))

    def __call__(
        self, _logger: object, _method: str, event: MutableMapping[str, object]
    ) -> MutableMapping[str, object]:
        return {
            key: STARS if key.lower() in SECRET_KEYS else self.clean(value)
            for key, value in event.items()
        }

    def clean(self, value: object) -> object:
        match value:
            case str():
                return self._clean_text(value)
            case Mapping():
                return {
                    key: STARS if str(key).lower() in SECRET_KEYS else self.clean(item)
                    for key, item in value.items()
                }
            case list() | tuple() | set() | frozenset():
                return [self.clean(item) for item in value]
            case None | bool() | int() | float():
                return value
            case _:
                return self._clean_text(str(value))

    def _clean_text(self, text: str) -> str:
        for secret in self._secrets:
            text = text.replace(secret, STARS)
        text = _BEARER.sub(rf"\1 {STARS}", text)
        text = _USER.sub(rf"\1{STARS}@", text)
        return _QUERY.sub(rf"\1?{STARS}", text)


class _CurrentStderr(logging.Handler):
    """Looks `sys.stderr` up for each line: progress bars put themselves in its place."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            sys.stderr.write(self.format(record) + "\n")
        except (OSError, ValueError):
            # Nobody reads us any more: no reason to end a job.
            self.handleError(record)


def set_up(
    *,
    level: str = "info",
    form: Format = "auto",
    file: Path | None = None,
    secrets: Iterable[str] = (),
    by_job: logging.Handler | None = None,
    environ: Mapping[str, str] | None = None,
) -> None:
    """From here on structlog and the standard library's loggers write to the same places.

    `by_job` gets JSON lines too, and keeps those of a job. `environ` says whether the journal of
    systemd reads us. May be called again. Raises `ConfigError` when the log file cannot be written.
    """
    import structlog

    shared = _shared_processors(Redactor(secrets))
    handlers = [_stderr_handler(form, environ or {}, shared)]
    if file is not None:
        handlers.append(_handler(_open(file), _json_renderers(), shared))
    if by_job is not None:
        handlers.append(_handler(by_job, _json_renderers(), shared))
    _install(handlers, level)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def _shared_processors(redactor: Redactor) -> list[Processor]:
    import structlog

    return [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        redactor,
    ]


def _stderr_handler(
    form: Format, environ: Mapping[str, str], shared: list[Processor]
) -> logging.Handler:
    if form == "auto" and "JOURNAL_STREAM" in environ:
        from agent.edges.journald import JournalHandler, is_our_stderr

        if is_our_stderr(environ):
            return _handler(JournalHandler(), _json_renderers(), shared)
    return _handler(_CurrentStderr(), _stderr_renderers(form), shared)


def _stderr_renderers(form: Format) -> list[Processor]:
    import structlog

    is_terminal = sys.stderr.isatty()
    if form == "json" or (form == "auto" and not is_terminal):
        return _json_renderers()
    return [_time_of_day, structlog.dev.ConsoleRenderer(colors=is_terminal, pad_event_to=24)]


def _json_renderers() -> list[Processor]:
    import structlog

    return [_lead_first, structlog.processors.JSONRenderer(ensure_ascii=False)]


def _time_of_day(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    """Who watches a terminal knows the date, lives by the local clock, and needs seconds only."""
    when = datetime.fromisoformat(str(event["timestamp"]))
    event["timestamp"] = when.astimezone().strftime("%H:%M:%S")
    return event


def _lead_first(
    _logger: object, _method: str, event: MutableMapping[str, object]
) -> MutableMapping[str, object]:
    """What people look for stands at the beginning of the line."""
    lead = ("timestamp", "level", "event", "job_id", "lease_id")
    return {key: event[key] for key in lead if key in event} | dict(event)


def _handler(
    handler: logging.Handler, renderers: list[Processor], shared: list[Processor]
) -> logging.Handler:
    import structlog

    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[remove, *renderers], foreign_pre_chain=shared
        )
    )
    return handler


def _open(file: Path) -> logging.Handler:
    # logrotate may move the file away: then a new one is begun.
    from logging.handlers import WatchedFileHandler

    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return WatchedFileHandler(file, encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"log.file: cannot write {file}: {error.strerror}") from error


def _install(handlers: list[logging.Handler], level: str) -> None:
    root = logging.getLogger()
    for old in root.handlers[:]:
        root.removeHandler(old)
        old.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level.upper())
    for name in NOISY:
        logging.getLogger(name).setLevel(logging.WARNING)
