"""Bugs of the agent that only a crash or a power cut brings out."""

import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from agent.edges import durable, journal, results
from agent.edges.input_note import NoteFile
from agent.runtime.job import HeldJob
from tests.simulation.planting import Plant, replace_with


def accepts_before_the_journal_is_synced(undo: ExitStack) -> None:
    """The journal is written, and may be lost with the power."""
    replace_with(undo, journal, "write_whole", lambda _: _write_unsynced)
    replace_with(undo, durable, "sync_folder", lambda _: lambda _folder: None)


def _write_unsynced(path: Path, content: bytes) -> None:
    draft = path.with_name(path.name + ".new")
    draft.write_bytes(content)
    draft.replace(path)


def accepts_before_the_journal_is_written(undo: ExitStack) -> None:
    """The first renewal does not wait for the disk."""

    def make(_hold: Any) -> Any:
        async def eager(job: HeldJob) -> None:
            await job._lease.hold()

        return eager

    replace_with(undo, HeldJob, "_hold", make)


def delivers_results_that_are_not_synced(undo: ExitStack) -> None:
    """What was sealed may be gone after a power cut, and is believed in all the same."""
    replace_with(undo, results, "damaged", lambda _: lambda *_: ())
    replace_with(undo, results, "os", lambda _: _NeverSyncs())


class _NeverSyncs:
    """The module `os` of a disk that is always in a hurry."""

    def __getattr__(self, name: str) -> Any:
        return (lambda _fd: None) if name == "fsync" else getattr(os, name)


def trusts_bytes_after_a_power_cut(undo: ExitStack) -> None:
    """What lies in the part of an input is gone on behind, whether or not it was ever synced."""
    replace_with(undo, NoteFile, "trusted", lambda _: lambda _note, size: size)


ALL: tuple[Plant, ...] = (
    accepts_before_the_journal_is_synced,
    accepts_before_the_journal_is_written,
    delivers_results_that_are_not_synced,
    trusts_bytes_after_a_power_cut,
)
