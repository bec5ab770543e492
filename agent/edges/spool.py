"""The spool on disk: our boot number and one folder for each held job.

SPOOL/lock               held while an agent runs here
SPOOL/morag-spool.json   {"version": 1, "boot_seq": 7}: the folder is ours, and may be tidied
SPOOL/held/NAME/         input.part -> input, results/
"""

import asyncio
import fcntl
import hashlib
import json
import os
import shutil
from pathlib import Path

from agent.edges.durable import disk_errors, sync_folder, write_whole
from agent.edges.partial_file import PartialFile
from agent.model.artifact import ARTIFACT_NAME, Artifact
from agent.model.errors import ConfigError, JobFailedError, SpoolError
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, Digest
from agent.model.lease import Offer
from agent.model.work import Produced

PRIVATE = 0o700
HASH_BLOCK = 1024 * 1024
VERSION = 1
MARKER = "morag-spool.json"
NO_CONTENT = frozenset({"lock", "lost+found", MARKER + ".new"})
"""What may lie in a folder that nobody has used yet: a start that was cut short, a mount point."""
BOOT_NUMBERS = range(2**53)
"""Those that every JSON library carries whole."""


class DiskSpool:
    """The `Spool` port on a folder that belongs to this agent alone."""

    def __init__(self, root: Path) -> None:
        """Take the folder and raise its boot number; what an older start left there is removed.

        Raises `ConfigError` when another agent holds it or other things lie in it, `SpoolError`
        when it cannot be used.
        """
        self._root = root
        self._jobs = root / "held"
        with disk_errors(f"the spool folder {root}"):
            root.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
            _refuse_foreign(root)
            self._lock = _lock(root / "lock")
            self._boot_seq = _read_boot(root / MARKER) + 1
            self._write_boot()
            _empty(self._jobs)

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

    def free(self) -> Bytes:
        with disk_errors(f"the spool folder {self._root}"):
            return Bytes(shutil.disk_usage(self._root).free)

    async def open_job(self, offer: Offer) -> "DiskJobFolder":
        # The lease id is the server's word: it never becomes a path.
        name = hashlib.sha256(offer.lease_id.encode()).hexdigest()[:32]
        with disk_errors("the job's folder"):
            return await asyncio.to_thread(DiskJobFolder, self._jobs / name)

    def close(self) -> None:
        os.close(self._lock)

    def _write_boot(self) -> None:
        known = {"version": VERSION, "boot_seq": self._boot_seq}
        write_whole(self._root / MARKER, json.dumps(known).encode())


class DiskJobFolder:
    """The `JobFolder` port."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._results = folder / "results"
        folder.mkdir(mode=PRIVATE)
        self._input = PartialFile(folder / "input.part")

    @property
    def input(self) -> PartialFile:
        return self._input

    async def seal_input(self) -> str:
        path = self._folder / "input"
        await self._input.seal(path)
        return str(path)

    async def fresh_output(self) -> str:
        with disk_errors("the job's folder"):
            await asyncio.to_thread(_empty, self._results)
        return str(self._results)

    async def seal(self, produced: Produced) -> tuple[Artifact, ...]:
        with disk_errors("the results"):
            return await asyncio.to_thread(self._seal, produced)

    async def read(self, artifact: Artifact, offset: Bytes, length: Bytes) -> bytes:
        with disk_errors("the results"):
            return await asyncio.to_thread(_read, self._results / artifact.name, offset, length)

    async def remove(self) -> None:
        self._input.close()
        with disk_errors("the job's folder"):
            await asyncio.to_thread(shutil.rmtree, self._folder)

    def _seal(self, produced: Produced) -> tuple[Artifact, ...]:
        names = [name for name, _ in produced.artifacts]
        if len(set(names)) != len(names):
            raise JobFailedError(FailureCode.INTERNAL, "the pipeline named an artifact twice")
        sealed = tuple(
            _seal_file(self._results, name, media_type) for name, media_type in produced.artifacts
        )
        for folder in {(self._results / name).parent for name in names} | {self._results}:
            sync_folder(folder)
        return sealed


def _refuse_foreign(root: Path) -> None:
    """What we find in a spool we may remove: so it must be sure that it is one."""
    found = {path.name for path in root.iterdir()}
    if MARKER not in found and found - NO_CONTENT:
        raise ConfigError(
            f"the folder {root} holds other things and is no spool: give --spool a folder of its"
            " own, which need not exist yet"
        )


def _lock(path: Path) -> int:
    fd = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(fd)
        raise ConfigError(
            f"another agent uses the spool folder {path.parent}: stop it, "
            "or give this one a folder of its own with --spool"
        ) from None
    return fd


def _read_boot(path: Path) -> int:
    try:
        boot_seq = int(json.loads(path.read_bytes())["boot_seq"])
    except FileNotFoundError:
        return 0
    except (ValueError, KeyError, TypeError, OverflowError):
        # Torn by something else than us: the server tells the current number in its answer.
        return 0
    return boot_seq if boot_seq in BOOT_NUMBERS else 0


def _empty(folder: Path) -> None:
    if os.path.lexists(folder):
        shutil.rmtree(folder)
    folder.mkdir(mode=PRIVATE)


def _seal_file(folder: Path, name: str, media_type: str) -> Artifact:
    """The child named this file, and media may have taken over the child: trust nothing."""
    if not ARTIFACT_NAME.fullmatch(name):
        raise JobFailedError(FailureCode.INTERNAL, f"the pipeline named an artifact {name!r}")
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()) or not path.is_file():
        raise JobFailedError(FailureCode.INTERNAL, f"the pipeline did not write {name}")
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(HASH_BLOCK):
            digest.update(block)
        os.fsync(file.fileno())
        size = file.tell()
    return Artifact(name, media_type, Bytes(size), Digest(digest.hexdigest()))


def _read(path: Path, offset: int, length: int) -> bytes:
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(length)
    if len(data) != length:
        raise SpoolError(f"the result {path.name} has been cut short on the disk")
    return data
