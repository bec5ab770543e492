"""SPOOL/morag/NAME.json: the jobs that we have taken from a server without leases.

On disk before anything is done about the job: the server tells of it once, and never again.
"""

import asyncio
import hashlib
import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import structlog
from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from agent.edges.durable import (
    DRAFT,
    PRIVATE_FOLDER,
    NotAFileError,
    disk_errors,
    read_whole,
    sync_folder,
    write_whole,
)
from agent.model.claim import Claim
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, JobId

FOLDER = "morag"
LARGEST = 1024 * 1024

_log = structlog.get_logger(__name__)


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")

    version: Literal[1]
    server: str
    job_id: str
    url: str
    content_type: str
    options: dict[str, JsonValue]
    filename: str | None
    size: Annotated[int, Field(ge=0)] | None
    failures: int
    last_failure: FailureCode | None
    returns: int
    is_sent: bool

    def restored(self) -> Claim:
        return Claim(
            job_id=JobId(self.job_id),
            url=self.url,
            content_type=self.content_type,
            options=self.options,
            filename=self.filename,
            size=None if self.size is None else Bytes(self.size),
            failures=self.failures,
            last_failure=self.last_failure,
            returns=self.returns,
            is_sent=self.is_sent,
        )


class DiskClaims:
    """Those of one server; what was taken from others waits until it is called again."""

    def __init__(self, spool: Path, server: str) -> None:
        self._folder = spool / FOLDER
        self._server = server

    async def all(self) -> tuple[Claim, ...]:
        """The claims that earlier starts left, oldest first."""
        with disk_errors(f"the folder {self._folder}"):
            return await asyncio.to_thread(self._read_all)

    async def save(self, claim: Claim) -> None:
        with disk_errors(f"the folder {self._folder}"):
            await asyncio.to_thread(self._write, claim)

    async def forget(self, job_id: JobId) -> None:
        with disk_errors(f"the folder {self._folder}"):
            await asyncio.to_thread(self._remove, job_id)

    def _read_all(self) -> tuple[Claim, ...]:
        if not self._folder.is_dir():
            return ()
        notes = [path for path in self._folder.iterdir() if path.suffix == ".json"]
        found = [self._read(path) for path in sorted(notes, key=lambda path: path.stat().st_mtime)]
        return tuple(claim for claim in found if claim is not None)

    def _read(self, path: Path) -> Claim | None:
        try:
            file = _File.model_validate_json(read_whole(path, LARGEST))
        except (NotAFileError, ValidationError) as error:
            # Nothing of its content: a job's options may hold what is nobody's business.
            _log.warning("claim.not_read", path=str(path), reason=type(error).__name__)
            return None
        if file.server != self._server:
            _log.warning(
                "claim.of_another_server",
                job_id=file.job_id,
                reason=f"it was taken from {file.server}: it waits until server.url says so again",
            )
            return None
        return file.restored()

    def _write(self, claim: Claim) -> None:
        if not self._folder.is_dir():
            self._folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)
            sync_folder(self._folder.parent)
        known = {"version": 1, "server": self._server, **asdict(claim)}
        write_whole(self._path(claim.job_id), json.dumps(known).encode())

    def _remove(self, job_id: JobId) -> None:
        path = self._path(job_id)
        path.unlink(missing_ok=True)
        path.with_name(path.name + DRAFT).unlink(missing_ok=True)
        if self._folder.is_dir():
            sync_folder(self._folder)

    def _path(self, job_id: JobId) -> Path:
        # The server's word never becomes a path.
        name = hashlib.sha256(f"{self._server}\n{job_id}".encode()).hexdigest()[:32]
        return self._folder / f"{name}.json"
