"""Turns what MoRAG's own remote converter was set up with into a file of ours."""

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from pydantic import SecretStr

from agent.config import converter, converter_file, sources
from agent.config.example import assignment
from agent.config.given import Given, Layer, read_text
from agent.config.loading import checked
from agent.config.settings import Settings
from agent.config.table import Row, rows
from agent.config.tokens import is_token
from agent.config.winners import Told, one_token, remarks
from agent.model.errors import ConfigError

_WIDTH = 96
_NOTES = {
    "server_url": "where the jobs come from",
    "token_file": "the key itself lies in that file, readable by you alone",
    "server_dialect": "the server is a MoRAG as it is, and none of this agent's",
    "poll_interval_s": "while no job comes; after one it asks every second for a minute",
    "agent_id": "the name that MoRAG notes beside a job",
    "content_types": '"auto" would be all that this box can do',
    "slots": 'jobs computed at once, while others come and go; "auto" would be one for each GPU',
    "whisper_model": '`python -m agent models` tells whether it is here; "auto" takes the best one',
    "language": "where a job names none",
}


@dataclass(frozen=True, slots=True)
class Imported:
    path: Path
    given: Mapping[str, Given]
    settings: Settings
    left_out: tuple[str, ...]
    """A sentence about each thing that was changed, or means nothing here."""

    @property
    def key(self) -> str | None:
        token = self.settings.token
        return None if token is None else token.get_secret_value()


def read(path: Path) -> Imported:
    """Its YAML file, or a `.env` file. Raises `ConfigError` with one line for each problem."""
    told, text = Told(), read_text(path)
    variables = converter_file.variables_in(text, path)
    given = (
        _of_keys(converter_file.keys_in(text, path), path, told)
        if variables is None
        else _of_variables(variables, path, told)
    )
    told.warnings += remarks(given)
    told.warnings += one_token(given)
    settings = checked(given, told.problems)
    _check_key(settings.token, given)
    prefix = f"{path}: "
    return Imported(path, given, settings, tuple(one.removeprefix(prefix) for one in told.warnings))


def _of_keys(keys: Mapping[str, str], path: Path, told: Told) -> dict[str, Given]:
    told.warnings += converter.strange_keys(keys, path)
    return _checked_use({one.name: one for one in converter.from_keys(keys, path)}, path)


def _of_variables(variables: Mapping[str, str], path: Path, told: Told) -> dict[str, Given]:
    table, said = rows().values(), {name: text for name, text in variables.items() if text}
    told.warnings += sources.stray_variables(said, table)
    used = [*converter.from_environment(said), *sources.from_environment(said, table)]
    names = {one.origin for one in used}
    others = [name for name in said if name not in names and not sources.is_ours(name)]
    if others:
        told.warnings.append(f"nothing to do with this agent: {', '.join(others)}")
    given = [*converter.from_keys({}, path), *used]
    return _checked_use({one.name: one for one in given}, path)


def _checked_use(given: dict[str, Given], path: Path) -> dict[str, Given]:
    unsaid = {one.name: one for one in converter.from_keys({}, path)}
    if given == unsaid:
        raise ConfigError(
            f"{path} says nothing that this agent could use: it has neither keys nor variables of"
            " MoRAG's converter"
        )
    return given


def _check_key(token: SecretStr | None, given: Mapping[str, Given]) -> None:
    if token is not None and not is_token(token.get_secret_value()):
        raise ConfigError(f"{given['token'].origin}: the key is not one word of plain letters")


def written(imported: Imported, token_file: Path | None) -> str:
    """Our file, with a comment on each line; `token_file` is where the key was put."""
    given = dict(imported.given)
    if (token := given.pop("token", None)) and token_file is not None:
        given["token_file"] = Given("token_file", str(token_file), Layer.FILE, token.origin)
    settings = imported.settings.model_copy(update={"token_file": token_file, "token": None})
    lines = [*_head(imported)]
    for section, told in groupby(_in_order(given), key=lambda row: row.section):
        lines.append(f"\n[{section}]\n")
        for row in told:
            value = assignment(row, getattr(settings, row.name))
            lines += (_comment(_about(row, given[row.name], imported.path)), f"{value}\n")
    return "".join(lines)


def _head(imported: Imported) -> Iterator[str]:
    yield _comment(
        f"Made of {imported.path.name} by `python -m agent config --import`. Everything else has"
        " its default: `python -m agent config --example` shows all there is."
    )
    if imported.left_out:
        yield _comment("What did not come over as it was:")
    for sentence in imported.left_out:
        yield _comment(f"- {sentence}", hanging="  ")


def _in_order(given: Mapping[str, Given]) -> list[Row]:
    return [row for name, row in rows().items() if name in given]


def _about(row: Row, one: Given, path: Path) -> str:
    name, note = one.origin.removeprefix(f"{path}: "), _NOTES.get(row.name, "")
    if one.layer is Layer.UNSAID:
        return f"Not said there: {note}."
    return f"{name}: {note}." if note else f"{name}."


def _comment(text: str, hanging: str = "") -> str:
    """Within a comment nothing can end the line and begin a setting."""
    plain = "".join(char if char.isprintable() else "?" for char in text)
    lines = textwrap.wrap(plain, _WIDTH, subsequent_indent=hanging, break_on_hyphens=False)
    return "".join(f"# {line}\n" for line in lines)
