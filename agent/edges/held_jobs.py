"""The folders of the spool: which jobs are held, and where everything else goes.

    held/NAME -> kept/     lost to us
              -> trash/    done
              -> aside/    no job of this version

Nothing that lies here stops a start, and no link is followed.
"""

import os
from collections.abc import Callable
from itertools import count
from pathlib import Path

import structlog

from agent.edges.durable import DRAFT, PRIVATE_FOLDER, erase, is_own_folder, sync_folder
from agent.edges.job_folder import DiskJobFolder, Surroundings, create, load
from agent.edges.journal import NAME as JOURNAL
from agent.edges.journal import MisfitError, Opened
from agent.edges.shelf import Shelf, printable
from agent.model.ids import Seconds
from agent.model.lease import Offer

_log = structlog.get_logger(__name__)


class HeldJobs:
    """SPOOL/held/ and its neighbours. All methods block."""

    def __init__(
        self, root: Path, wall: Callable[[], float], machine_boot: str, checkpoint: int
    ) -> None:
        self._folder = root / "held"
        self._aside = Shelf(root / "aside", wall)
        self._trash = Shelf(root / "trash", wall)
        self._kept = Shelf(root / "kept", wall)
        self._around = Surroundings(self._kept, self._trash, machine_boot, checkpoint)
        self._numbers = count(1)
        for shelf in (self._aside, self._trash, self._kept):
            shelf.prepare()
        if os.path.lexists(self._folder) and not is_own_folder(self._folder):
            self._set_aside(self._folder, "it is no folder")
        self._folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
        sync_folder(root)

    def found(self) -> tuple[DiskJobFolder, ...]:
        """What earlier starts left, oldest first."""
        self._trash.empty()
        jobs = [job for path in sorted(self._folder.iterdir()) if (job := self._job_at(path))]
        return tuple(sorted(jobs, key=lambda job: job.opened))

    def open(self, name: str, offer: Offer, boot_seq: int) -> DiskJobFolder:
        path = self._folder / name
        if os.path.lexists(path) and not _was_empty(path):
            self._set_aside(path, "a new job has its name")
        return create(path, offer, Opened(boot_seq, next(self._numbers)), self._around)

    def tidy(self, retention: Seconds) -> None:
        for shelf in (self._kept, self._aside):
            shelf.remove_older(retention)

    def _job_at(self, path: Path) -> DiskJobFolder | None:
        """None for what is no job: it moves out of the way, and nothing of it stops the start."""
        try:
            return None if _was_empty(path) else load(path, self._around)
        except MisfitError as misfit:
            self._set_aside(path, str(misfit))
        except OSError as error:
            # The disk's word, not the job's: the next start may be able to read it.
            _log.warning("spool.not_read", path=printable(path), reason=str(error))
        return None

    def _set_aside(self, path: Path, reason: str) -> None:
        try:
            now_at = self._aside.put(path)
        except OSError as error:
            _log.warning("spool.not_set_aside", path=printable(path), reason=str(error))
            return
        _log.warning(
            "spool.set_aside", path=printable(path), reason=reason, now_at=printable(now_at)
        )


def _was_empty(path: Path) -> bool:
    """Remove the folder of a job whose opening was cut short: nobody was told of it."""
    if not is_own_folder(path) or {inner.name for inner in path.iterdir()} - {JOURNAL + DRAFT}:
        return False
    erase(path)
    return True
