"""The layers that settings come from: the file, the environment's three kinds of names, flags."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from difflib import get_close_matches
from pathlib import Path

from agent.config import converter, converter_file
from agent.config.given import Given, Layer, read_text
from agent.config.image import VARIANT_ENV
from agent.config.table import OLDER_PREFIX, PREFIX, Row
from agent.model.errors import ConfigError

CONFIG_ENV = PREFIX + "CONFIG"
"""Names the file; with the image's own, the only variable that is no setting."""

NOT_USED = frozenset({"WEBSOCKET_URL", "REDIS_URL", "TRANSFER_ENCRYPTION_KEY"})
"""Older settings of transports that this agent does without."""


def find_file(named: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The one file that is read; the first that exists, unless one is named.

    The working directory is not looked at: a file that happens to lie there could send the
    token to a stranger's server.
    """
    if named is not None:
        return named.expanduser()
    if environ.get(CONFIG_ENV):
        return Path(environ[CONFIG_ENV]).expanduser()
    base = environ.get("XDG_CONFIG_HOME") or "~/.config"
    usual = (
        Path(base).expanduser() / "morag-agent/config.toml",
        Path("/etc/morag-agent/config.toml"),
    )
    return next((path for path in usual if path.is_file()), None)


def read_file(path: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(read_text(path))
    except ValueError as error:
        raise ConfigError(f"{path} is no valid TOML: {error}") from error


def from_converter_file(path: Path, told: list[str]) -> Iterator[Given]:
    """`told`: sentences about what means nothing here."""
    keys = converter_file.keys_in(read_text(path), path)
    told += converter.strange_keys(keys, path)
    return converter.from_keys(keys, path)


def from_file(path: Path, rows: Iterable[Row], problems: list[str]) -> Iterator[Given]:
    by_place = {row.key.at: row for row in rows}
    for section, content in read_file(path).items():
        entries = content if isinstance(content, dict) else {}
        if not isinstance(content, dict) or not _is_section(section, by_place):
            problems.append(f"{path}: {_unknown(section, by_place)}")
            continue
        for option, value in entries.items():
            place = f"{section}.{option}"
            row = by_place.get(place)
            if row is None:
                problems.append(f"{path}: {_unknown(place, by_place)}")
            elif row.key.is_secret:
                problems.append(
                    f"{path}: {place} may not stand in the file; put it into a"
                    f" file of its own and name that in {place}_file"
                )
            else:
                yield Given(row.name, value, Layer.FILE, f"{path}: {place}")


def _is_section(name: str, by_place: Mapping[str, Row]) -> bool:
    return any(row.section == name for row in by_place.values())


def _unknown(place: str, by_place: Mapping[str, Row]) -> str:
    """The sentence about a key that is none, with the nearest that is one."""
    section, _, option = place.partition(".")
    own = {row.option: at for at, row in by_place.items() if row.section == section}
    all_places = {row.name: at for at, row in by_place.items()}
    all_places |= {row.option: at for at, row in by_place.items()}
    sections = {row.section: f"[{row.section}]" for row in by_place.values()}
    for names in (own, all_places) if option else (sections, all_places):
        if near := get_close_matches(option or section, names, 1):
            return f"{place}: there is no such setting; did you mean {names[near[0]]}?"
    return f"{place}: there is no such setting"


def from_environment(environ: Mapping[str, str], rows: Iterable[Row]) -> Iterator[Given]:
    """An empty variable counts as not set: compose files write those."""
    for row in rows:
        if row.older_env and (text := environ.get(row.older_env)):
            value = text + row.key.older_unit if text.replace(".", "", 1).isdigit() else text
            yield Given(row.name, value, Layer.OLDER_ENVIRONMENT, row.older_env)
        if text := environ.get(row.env):
            yield Given(row.name, text, Layer.ENVIRONMENT, row.env)


def stray_variables(environ: Mapping[str, str], rows: Iterable[Row]) -> Iterator[str]:
    """A sentence about each variable that looks like ours and does nothing."""
    known = {row.env for row in rows} | {row.older_env for row in rows}
    known |= {CONFIG_ENV, VARIANT_ENV}
    known |= {OLDER_PREFIX + name for name in NOT_USED}
    for name in sorted(environ):
        if name.removeprefix(OLDER_PREFIX) in NOT_USED:
            yield f"{name} is not used: this agent needs nothing but the server's address"
        elif name.startswith((PREFIX, OLDER_PREFIX)) and name not in known:
            near = get_close_matches(name, (item for item in known if item), 1)
            hint = f"; did you mean {near[0]}?" if near else ""
            yield f"{name} is no setting and does nothing{hint}"
    yield from converter.meaningless(environ)


def is_ours(name: str) -> bool:
    """Whether `stray_variables` has something to say where it is no setting."""
    return name.startswith((PREFIX, OLDER_PREFIX)) or converter.is_meaningless(name)


def from_flags(flags: Mapping[str, object], rows: Mapping[str, Row]) -> Iterator[Given]:
    for name, value in flags.items():
        yield Given(name, value, Layer.FLAG, rows[name].flag or name)
