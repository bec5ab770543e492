"""What was logged about each job of late, for `logs JOB`: also when the job, or the agent, is gone.

SPOOL/logs/NAME.jsonl        the newest lines of one job
SPOOL/logs/NAME.older.jsonl  those before

Each job has at most `MOST_PER_JOB` bytes and all together `MOST_IN_ALL`: the oldest give way. A
disk that takes no line costs the agent that line and nothing else.
"""

import hashlib
import json
import logging
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from agent.edges.durable import PRIVATE_FILE, PRIVATE_FOLDER

FOLDER = "logs"
NEWER, OLDER = ".jsonl", ".older.jsonl"
MOST_PER_JOB = 512 * 1024
MOST_IN_ALL = 16 * 1024 * 1024
LONGEST_LINE = 16 * 1024


class JobLogs(logging.Handler):
    """Appends each line that names a job to that job's file."""

    def __init__(
        self, spool: Path, *, per_job: int = MOST_PER_JOB, in_all: int = MOST_IN_ALL
    ) -> None:
        super().__init__()
        self._folder = spool / FOLDER
        self._per_job = per_job
        self._in_all = in_all

    def emit(self, record: logging.LogRecord) -> None:
        said = record.msg
        job_id = said.get("job_id") if isinstance(said, dict) else None
        if not isinstance(job_id, str):
            return
        # The log that people rely on is another one.
        with suppress(OSError):
            self._append(_newer(self._folder, job_id), self.format(record).encode())

    def _append(self, path: Path, line: bytes) -> None:
        if len(line) > LONGEST_LINE:
            return
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
        try:
            fd = os.open(path, flags, PRIVATE_FILE)
        except FileNotFoundError:
            self._folder.mkdir(mode=PRIVATE_FOLDER)
            fd = os.open(path, flags, PRIVATE_FILE)
        try:
            os.write(fd, line + b"\n")
            length = os.fstat(fd).st_size
        finally:
            os.close(fd)
        if length == len(line) + 1:
            self._make_room()
        if length > self._per_job // 2:
            path.replace(_older(path))

    def _make_room(self) -> None:
        """Another job has come: the oldest may have to go."""
        known = [(path, path.stat()) for path in self._folder.iterdir()]
        room = self._in_all - self._per_job
        for path, found in sorted(known, key=lambda one: one[1].st_mtime_ns, reverse=True):
            room -= found.st_size
            if room < 0:
                path.unlink(missing_ok=True)


def lines_of(spool: Path, job_id: str) -> Iterator[str]:
    """The lines that are left of this job, oldest first; none where it is not known."""
    newer = _newer(spool / FOLDER, job_id)
    for path in (_older(newer), newer):
        with suppress(FileNotFoundError), path.open(encoding="utf-8", errors="replace") as file:
            yield from (line for line in file if line.endswith("\n"))


class Tail:
    """The lines that come to one job's file from now on, and those that are there."""

    def __init__(self, spool: Path, job_id: str) -> None:
        self._path = _newer(spool / FOLDER, job_id)
        self._known: tuple[int, int] | None = None
        """Its inode, and how much of it has been read."""

    def more(self) -> Iterator[str]:
        """What has come since the last time. Where the file was begun anew, from its begin."""
        with suppress(FileNotFoundError):
            if self._known is not None and self._path.stat().st_ino != self._known[0]:
                # What came to the older one before the change is read from there.
                yield from self._read(_older(self._path))
                self._known = None
            yield from self._read(self._path)

    def _read(self, path: Path) -> Iterator[str]:
        with path.open("rb") as file:
            inode, offset = os.fstat(file.fileno()).st_ino, 0
            if self._known is not None and self._known[0] == inode:
                offset = self._known[1]
            file.seek(offset)
            for line in file:
                if not line.endswith(b"\n"):
                    break
                offset += len(line)
                yield line.decode("utf-8", "replace")
            self._known = inode, offset


def jobs_known(spool: Path) -> Iterator[str]:
    """The ids of the jobs of which there are lines, newest first."""
    with suppress(FileNotFoundError):
        paths = sorted(
            (spool / FOLDER).iterdir(), key=lambda one: one.stat().st_mtime, reverse=True
        )
        for path in paths:
            with suppress(OSError, ValueError, KeyError, TypeError), path.open("rb") as file:
                yield str(json.loads(file.readline(LONGEST_LINE))["job_id"])


def _newer(folder: Path, job_id: str) -> Path:
    # The job id is the server's word: it never becomes a path.
    return folder / (hashlib.sha256(job_id.encode()).hexdigest()[:32] + NEWER)


def _older(newer: Path) -> Path:
    return newer.with_name(newer.name.removesuffix(NEWER) + OLDER)
