"""Which of several layers a setting comes from; later ones win, and what loses is told."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from agent.config import converter, converter_file, sources
from agent.config.given import Given, Layer
from agent.config.table import rows


@dataclass
class Told:
    """What there is to say about the layers, one sentence each."""

    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def winners(
    path: Path | None, environ: Mapping[str, str], flags: Mapping[str, object], told: Told
) -> dict[str, Given]:
    table = rows()
    told.warnings += sources.stray_variables(environ, table.values())
    given = _of_file(path, told)
    given |= _of_converter(environ, given, told)
    given |= _by_name(sources.from_environment(environ, table.values()))
    given |= _by_name(sources.from_flags(flags, table))
    told.warnings += remarks(given)
    told.warnings += one_token(given)
    return given


def _of_file(path: Path | None, told: Told) -> dict[str, Given]:
    if path is None:
        return {}
    if path.suffix.lower() in converter_file.SUFFIXES:
        return _by_name(sources.from_converter_file(path, told.warnings))
    return _by_name(sources.from_file(path, rows().values(), told.problems))


def _of_converter(
    environ: Mapping[str, str], file: Mapping[str, Given], told: Told
) -> dict[str, Given]:
    """What was set for another program undoes what stands in a file for this one: worth a word."""
    theirs = _by_name(converter.from_environment(environ))
    used = {name: one for name, one in theirs.items() if one.value is not None or name not in file}
    for name, one in used.items():
        if name in file and file[name].layer is not Layer.UNSAID and not _same(file[name], one):
            told.warnings.append(
                f"{file[name].origin} is not used, because {one.origin} is set too"
            )
    return used


def _same(one: Given, other: Given) -> bool:
    value = ",".join(map(str, one.value)) if isinstance(one.value, list) else str(one.value)
    return value.lower() == str(other.value).lower()


def _by_name(given: Iterable[Given]) -> dict[str, Given]:
    return {one.name: one for one in given}


def remarks(given: dict[str, Given]) -> Iterator[str]:
    """What people should know of the values; those of which nothing is used are taken out."""
    for one in list(given.values()):
        if one.remark:
            yield f"{one.origin}: {one.remark}"
        if one.value is None:
            del given[one.name]


def one_token(given: dict[str, Given]) -> Iterator[str]:
    """Later wins between the token and its file too; within one layer the file, being safer."""
    token, file = given.get("token"), given.get("token_file")
    if token is None or file is None:
        return
    loser, winner = (file, token) if token.layer > file.layer else (token, file)
    del given[loser.name]
    yield f"{loser.origin} is not used, because {winner.origin} is set too"
