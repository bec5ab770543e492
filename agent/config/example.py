"""Writes `config.example.toml` and the output of the `config` verb from the table."""

import json
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path

from pydantic import SecretStr

from agent.config.settings import Settings
from agent.config.table import Row, rows

HEAD = """\
# Every setting of the agent with its default and why it is there.
# Copy what you change to ~/.config/morag-agent/config.toml or /etc/morag-agent/config.toml, or
# name another file with --config or MORAG_AGENT_CONFIG; exactly one file is read.
# Environment variables win over the file and flags over both; `python -m agent run --help` names
# them, and `python -m agent config` shows what holds and where it came from. Settings that stand
# behind a "#" have no fixed default: an example is shown. A running agent takes over changes of
# those marked (live) within seconds, or at once on SIGHUP; the others wait for a restart.
# The file and the variables of MoRAG's own remote converter are read too: docs/morag.md.
# This file is written by `python -m agent config --example`.
"""


def example() -> str:
    written = [row for row in rows().values() if not row.key.is_secret]
    sections = groupby(written, key=lambda row: row.section)
    return HEAD + "".join(
        f"\n[{section}]\n" + "".join(_entry(row) for row in group) for section, group in sections
    )


def _entry(row: Row) -> str:
    live = " (live)" if row.key.live else ""
    return f"# {row.key.why}{live}\n{_assignment(row)}\n"


def _assignment(row: Row) -> str:
    if row.key.shown is not None:
        return f"# {row.option} = {toml(_typed(row.key.shown))}"
    default = Settings.model_fields[row.name].get_default(call_default_factory=True)
    return assignment(row, default)


def assignment(row: Row, value: object) -> str:
    return f"{row.option} = {toml(_written(row, value))}"


def _written(row: Row, value: object) -> object:
    """Sizes and rates as people write them."""
    if not isinstance(value, int) or not value:
        return value
    if row.right.startswith("a rate"):
        return f"{_in_units(value, _UNITS[1:]) or f'{value}B'}/s"
    return (_in_units(value, _UNITS) or value) if row.right.startswith("a size") else value


def _in_units(size: int, units: Sequence[tuple[str, int]]) -> str | None:
    return next((f"{size // unit}{name}" for name, unit in units if size % unit == 0), None)


_UNITS = (("TB", 10**12), ("GB", 10**9), ("MB", 10**6))


def _typed(shown: str) -> object:
    return int(shown) if shown.isdigit() else shown


def toml(value: object) -> str:
    """The value as TOML writes it; JSON's strings and numbers are TOML's too."""
    match value:
        case dict():
            pairs = ", ".join(f"{json.dumps(key)} = {toml(item)}" for key, item in value.items())
            return f"{{ {pairs} }}" if pairs else "{}"
        case tuple() | list():
            return "[" + ", ".join(toml(item) for item in value) + "]"
        case float():
            return f"{value:g}"
        case Path() | SecretStr():
            return json.dumps(str(value), ensure_ascii=False)
        case None:
            return '""'
        case _:
            return json.dumps(value, ensure_ascii=False)


def effective(settings: Settings) -> Iterator[tuple[Row, object]]:
    """Each setting with its value, in the order of the file; secrets show as stars."""
    for name, row in rows().items():
        value: object = getattr(settings, name)
        yield row, _written(row, _plain(value))


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(_plain(item) for item in value)
    return str(value) if isinstance(value, SecretStr | Path) else value
