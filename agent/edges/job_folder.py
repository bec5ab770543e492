"""One held job on disk: SPOOL/held/NAME/ with its journal, its input and its results.

    open:   mkdir, journal.json          begin:   journal.json, results/ emptied
    input:  input.part -> input          seal:    results/, journal.json
    keep:   lost.json, out of held/      remove:  out of held/, then file by file

Each is on disk step by step, so that a crash leaves the state before it or the one after it.
"""

import asyncio
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from agent.edges import results
from agent.edges.durable import (
    disk_errors,
    erase,
    is_own_folder,
    make_folder,
    sync_folder,
    write_whole,
)
from agent.edges.journal import MisfitError, Opened, Record, load_record, save_record
from agent.edges.part_on_disk import PartOnDisk
from agent.edges.partial_file import PartialFile
from agent.edges.shelf import Shelf
from agent.model.artifact import Artifact
from agent.model.held import Finished, Journal
from agent.model.ids import Bytes
from agent.model.lease import Offer
from agent.model.work import Produced

WHY_LOST = "lost.json"
THE_FOLDER = "the job's folder"

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the folders of one spool share."""

    kept: Shelf
    trash: Shelf
    machine_boot: str
    checkpoint: int


class DiskJobFolder:
    """The `JobFolder` port."""

    def __init__(self, path: Path, record: Record, around: Surroundings) -> None:
        self._path = path
        self._results = path / "results"
        self._record = record
        self._around = around
        self._input = PartialFile(
            PartOnDisk(
                path,
                around.machine_boot,
                size=record.journal.offer.input.size,
                checkpoint=around.checkpoint,
            )
        )
        # The word of hello and the end of a computation may want to write at the same time.
        self._writing = threading.Lock()

    @property
    def journal(self) -> Journal:
        return replace(self._record.journal, is_input_whole=self._input.is_sealed)

    @property
    def opened(self) -> Opened:
        return self._record.opened

    @property
    def input(self) -> PartialFile:
        return self._input

    async def adopt(self, offer: Offer) -> None:
        with disk_errors(THE_FOLDER):
            await asyncio.to_thread(self._rewrite, lambda known: replace(known, offer=offer))

    async def seal_input(self) -> str:
        return str(await self._input.seal())

    async def begin(self) -> str:
        with disk_errors(THE_FOLDER):
            await asyncio.to_thread(self._begin)
        return str(self._results)

    async def seal(self, produced: Produced, spent: Mapping[str, float]) -> Finished:
        with disk_errors("the results"):
            return await asyncio.to_thread(self._seal, produced, dict(spent))

    async def read(self, artifact: Artifact, offset: Bytes, length: Bytes) -> bytes:
        with disk_errors("the results"):
            return await asyncio.to_thread(results.read, self._results, artifact, offset, length)

    async def keep(self, reason: str) -> None:
        with disk_errors(THE_FOLDER):
            await asyncio.to_thread(self._keep, reason)

    async def remove(self) -> None:
        with disk_errors(THE_FOLDER):
            await asyncio.to_thread(self._remove)

    def close(self) -> None:
        self._input.close()

    def _rewrite(self, change: Callable[[Journal], Journal]) -> None:
        with self._writing:
            record = replace(self._record, journal=change(self._record.journal))
            save_record(self._path, record)
            self._record = record

    def _begin(self) -> None:
        self._rewrite(
            lambda known: replace(known, computations=known.computations + 1, finished=None)
        )
        erase(self._results)
        make_folder(self._results)

    def _seal(self, produced: Produced, spent: Mapping[str, float]) -> Finished:
        manifest = results.seal(self._results, produced)
        finished = Finished(manifest=manifest, summary=produced.summary, spent=spent)
        self._rewrite(lambda known: replace(known, finished=finished))
        return finished

    def _keep(self, reason: str) -> None:
        self.close()
        # For people only: a disk without room for it must not make us hold the job.
        with suppress(OSError):
            write_whole(self._path / WHY_LOST, json.dumps({"reason": reason}).encode())
        self._leave(self._around.kept)

    def _remove(self) -> None:
        self.close()
        # Whole or not at all: what is half removed must not look like a job.
        gone = self._leave(self._around.trash)
        if gone is not None:
            erase(gone)

    def _leave(self, shelf: Shelf) -> Path | None:
        """Be held no more; None if that was so before."""
        if self._path.exists():
            return shelf.put(self._path)
        sync_folder(self._path.parent)
        return None


def create(path: Path, offer: Offer, opened: Opened, around: Surroundings) -> DiskJobFolder:
    """A new folder at `path`, where nothing may lie; a crash leaves an empty one at worst."""
    record = Record(opened, Journal(offer=offer))
    make_folder(path)
    try:
        save_record(path, record)
        sync_folder(path.parent)
    except OSError:
        with suppress(OSError):
            erase(path)
        raise
    return DiskJobFolder(path, record, around)


def load(path: Path, around: Surroundings) -> DiskJobFolder:
    """The job that lies at `path`. Raises `MisfitError` where none does."""
    if not is_own_folder(path):
        raise MisfitError("it is no folder")
    record = load_record(path)
    finished = record.journal.finished
    damaged = results.damaged(path / "results", finished.manifest) if finished else ()
    if damaged:
        # The server would refuse them for ever: computed again, the job is done after all.
        _log.warning("spool.results_damaged", folder=path.name, names=damaged)
        record = replace(record, journal=replace(record.journal, finished=None))
    return DiskJobFolder(path, record, around)
