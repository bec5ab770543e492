"""Puts the layers together, checks the result, and tells every problem at once."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from agent.config import sources
from agent.config.content_types import known_content_types
from agent.config.given import Given, Layer
from agent.config.settings import Settings
from agent.config.table import Row, rows
from agent.config.tokens import exposure
from agent.config.values import WrongValueError
from agent.config.winners import Told, winners
from agent.model.errors import ConfigError

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


@dataclass(frozen=True, slots=True)
class Loaded:
    settings: Settings
    origins: Mapping[str, str]
    """Where each setting came from: `default`, `FILE: section.key`, a variable or a flag."""
    warnings: tuple[str, ...]
    file: Path | None


def load(
    *,
    environ: Mapping[str, str],
    flags: Mapping[str, object] | None = None,
    file: Path | None = None,
) -> Loaded:
    """The effective settings. Raises `ConfigError` with one line for each problem."""
    path = sources.find_file(file, environ)
    told = Told()
    given = winners(path, environ, flags or {}, told)
    settings = checked(given, told.problems)
    origins = {name: given[name].origin if name in given else "default" for name in rows()}
    warnings = (*told.warnings, *_bare_token(given, path), *_warnings(settings))
    return Loaded(settings, origins, warnings, path)


def checked(given: Mapping[str, Given], problems: list[str]) -> Settings:
    """The settings that come of it. Raises `ConfigError`, with the `problems` known before too."""
    settings = _validated(given, problems)
    problems += _contradictions(settings, given) if settings else ()
    if problems or settings is None:
        raise ConfigError("\n".join(problems))
    return settings


def _bare_token(given: Mapping[str, Given], path: Path | None) -> Iterator[str]:
    """A token that lies in no file of its own."""
    if (token := given.get("token")) is None:
        return
    yield f"the token comes from {token.origin}; a file is safer: name it in token_file"
    if path and token.layer is Layer.FILE and (open_to := exposure(path)):
        yield open_to


def _validated(given: Mapping[str, Given], problems: list[str]) -> Settings | None:
    try:
        return Settings.model_validate({name: one.value for name, one in given.items()})
    except ValidationError as error:
        table = rows()
        wrong = {str(detail["loc"][0]): _named(detail) for detail in error.errors()}
        problems += [_wrong(table[name], given[name], why) for name, why in wrong.items()]
        return None


def _named(detail: ErrorDetails) -> str:
    """What is wrong within the value, where its reader could tell."""
    error = detail.get("ctx", {}).get("error")
    return f"{error}; " if isinstance(error, WrongValueError) else ""


def _wrong(row: Row, one: Given, why: str) -> str:
    shown = "***" if row.key.is_secret else repr(one.value)
    return f"{row.key.at}: {shown} ({one.origin}) is wrong: {why}it must be {row.right}"


def _contradictions(settings: Settings, given: Mapping[str, Given]) -> Iterator[str]:
    unknown = [name for name in settings.content_types or () if name not in known_content_types]
    if unknown:
        known, origin = ", ".join(known_content_types), given["content_types"].origin
        yield f"agent.content_types: {', '.join(unknown)} ({origin}) is wrong: known are {known}"
    if settings.gpu_require and not settings.gpu:
        yield "gpu.require: on is wrong: it must be off where gpu.enabled is off"
    if settings.gpu_require and settings.device == "cpu":
        yield "gpu.require: on is wrong: it must be off where speech.device is cpu"
    if settings.soft_stop_min >= settings.task_timeout_min:
        yield (
            f"limits.soft_stop_min: {settings.soft_stop_min:g} is wrong: it must be less than"
            f" limits.task_timeout_min, {settings.task_timeout_min:g}"
        )


def _warnings(settings: Settings) -> Iterator[str]:
    for file in (
        settings.token_file,
        settings.client_token_file,
        settings.celery_broker_url_file,
        settings.celery_result_url_file,
    ):
        if file is not None and (open_to := exposure(file)):
            yield open_to
    parts = urlsplit(settings.server_url)
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        yield f"{settings.server_url} is not encrypted: the token can be read on the way; use https"
    if settings.watch_port is not None and settings.watch_host not in LOOPBACK:
        yield f"watch.host: {settings.watch_host} lets others read the watch port without a token"
    if settings.offline and settings.allow_download:
        yield "models.allow_download has no effect: models.offline is on"
    if settings.serve_input_folders and not settings.serve_morag:
        yield "serve.input_folders has no effect: serve.morag is off"
