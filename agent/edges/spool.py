"""The spool on disk: our boot number and one folder for each held job.

SPOOL/lock               held while an agent runs here
SPOOL/morag-spool.json   {"version": 1, "boot_seq": 7}: the folder is ours, and may be tidied
SPOOL/*.json             small notes that last from start to start, such as what was transferred
SPOOL/held/NAME/         the jobs that we hold
SPOOL/kept/TIME-NAME/    those that were lost to us, until the retention time
SPOOL/aside/TIME-NAME    what lay in held/ and is no job of this version, likewise
SPOOL/trash/TIME-NAME/   what is being removed; the next start empties it
"""

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from agent.edges.durable import PRIVATE_FILE, disk_errors, make_root, write_whole
from agent.edges.held_jobs import HeldJobs
from agent.edges.input_note import machine_boot as boot_of_machine
from agent.edges.job_folder import DiskJobFolder
from agent.edges.part_on_disk import CHECKPOINT
from agent.model.errors import ConfigError
from agent.model.ids import Bytes, Seconds
from agent.model.lease import Offer

VERSION = 1
RETENTION = Seconds(24 * 3600.0)
MARKER = "morag-spool.json"
NO_CONTENT = frozenset({"lock", "lost+found", MARKER + ".new"})
"""What may lie in a folder that nobody has used yet: a start that was cut short, a mount point."""
LOCK_TRIES, LOCK_PAUSE = 40, 0.05
BOOT_NUMBERS = range(2**53)
"""Those that every JSON library carries whole."""


class DiskSpool:
    """The `Spool` port on a folder that belongs to this agent alone."""

    def __init__(
        self,
        root: Path,
        retention: Seconds = RETENTION,
        wall: Callable[[], float] = time.time,
        *,
        machine_boot: str | None = None,
        checkpoint: int = CHECKPOINT,
    ) -> None:
        """Take the folder and raise its boot number; the jobs of earlier starts stay.

        Raises `ConfigError` when another agent holds it or other things lie in it, `SpoolError`
        when it cannot be used.
        """
        self._root = root
        self._retention = retention
        with disk_errors(f"the spool folder {root}"):
            make_root(root)
            _refuse_foreign(root)
            self._lock = _lock(root / "lock")
            try:
                self._boot_seq = _read_boot(root / MARKER) + 1
                self._write_boot()
                boot = boot_of_machine() if machine_boot is None else machine_boot
                self._jobs = HeldJobs(root, wall, boot, checkpoint)
            except BaseException:
                os.close(self._lock)
                raise

    @property
    def boot_seq(self) -> int:
        return self._boot_seq

    @property
    def is_new(self) -> bool:
        """No agent has started here before: the server may know a higher boot number."""
        return self._boot_seq == 1

    def adopt_boot(self, boot_seq: int) -> None:
        self._boot_seq = boot_seq
        with disk_errors(f"the spool folder {self._root}"):
            self._write_boot()

    def retain_for(self, retention: Seconds) -> None:
        """What was kept or set aside outlives this from now on."""
        self._retention = retention

    def free(self) -> Bytes:
        with disk_errors(f"the spool folder {self._root}"):
            return Bytes(shutil.disk_usage(self._root).free)

    async def held(self) -> tuple[DiskJobFolder, ...]:
        with disk_errors(f"the spool folder {self._root}"):
            return await asyncio.to_thread(self._jobs.found)

    async def open_job(self, offer: Offer) -> DiskJobFolder:
        # The lease id is the server's word: it never becomes a path.
        name = hashlib.sha256(offer.lease_id.encode()).hexdigest()[:32]
        with disk_errors("the job's folder"):
            return await asyncio.to_thread(self._jobs.open, name, offer, self._boot_seq)

    async def tidy(self) -> None:
        with disk_errors(f"the spool folder {self._root}"):
            await asyncio.to_thread(self._jobs.tidy, self._retention)

    def close(self) -> None:
        os.close(self._lock)

    def _write_boot(self) -> None:
        known = {"version": VERSION, "boot_seq": self._boot_seq}
        write_whole(self._root / MARKER, json.dumps(known).encode())


def _refuse_foreign(root: Path) -> None:
    """What we find in a spool we may remove: so it must be sure that it is one."""
    found = {path.name for path in root.iterdir()}
    if MARKER not in found and found - NO_CONTENT:
        raise ConfigError(
            f"the folder {root} holds other things and is no spool: give --spool a folder of its"
            " own, which need not exist yet"
        )


def _lock(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, PRIVATE_FILE)
    for _ in range(LOCK_TRIES):
        # What a killed agent was just starting holds the lock too, until it is dead as well.
        with suppress(BlockingIOError):
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return fd
        time.sleep(LOCK_PAUSE)
    os.close(fd)
    raise ConfigError(
        f"another agent uses the spool folder {path.parent}: stop it, "
        "or give this one a folder of its own with --spool"
    )


def _read_boot(path: Path) -> int:
    try:
        boot_seq = int(json.loads(path.read_bytes())["boot_seq"])
    except FileNotFoundError:
        return 0
    except (ValueError, KeyError, TypeError, OverflowError):
        # Torn by something else than us: the server tells the current number in its answer.
        return 0
    return boot_seq if boot_seq in BOOT_NUMBERS else 0
