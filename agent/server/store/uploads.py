"""Uploads: how much of which file is safely here."""

import secrets
from dataclasses import dataclass

from agent.model.ids import Digest, JobId, LeaseId
from agent.server.store.transaction import Transaction

INPUT = LeaseId("")
"""In place of a lease: the upload is a client's, of the job's input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upload:
    upload_id: str
    job_id: JobId
    origin: LeaseId
    """The first lease_id of the attempt: resuming changes the id, not the uploads."""
    name: str
    media_type: str
    sha256: Digest | None
    length: int
    received: int = 0
    """Synced to disk; whatever lies behind it in the file does not count."""
    is_done: bool = False

    @property
    def is_input(self) -> bool:
        return self.origin == INPUT


@dataclass(frozen=True, slots=True)
class Announced:
    """What a creation says about the file."""

    name: str
    media_type: str
    sha256: Digest
    length: int


_COLUMNS = "upload_id, job_id, origin, name, media_type, sha256, length, received, is_done"


def find(tx: Transaction, upload_id: str) -> Upload | None:
    row = tx.db.execute(
        f"SELECT {_COLUMNS} FROM uploads WHERE upload_id = ?",  # noqa: S608 - our own names
        (upload_id,),
    ).fetchone()
    return None if row is None else _upload(row)


def of_origin(tx: Transaction, job_id: JobId, origin: LeaseId) -> list[Upload]:
    rows = tx.db.execute(
        f"SELECT {_COLUMNS} FROM uploads WHERE job_id = ? AND origin = ?",  # noqa: S608 - our own names
        (job_id, origin),
    )
    return [_upload(row) for row in rows]


def of_job(tx: Transaction, job_id: JobId) -> list[Upload]:
    rows = tx.db.execute(
        f"SELECT {_COLUMNS} FROM uploads WHERE job_id = ?",  # noqa: S608 - our own names
        (job_id,),
    )
    return [_upload(row) for row in rows]


def create(
    tx: Transaction, job_id: JobId, origin: LeaseId, said: Announced
) -> tuple[Upload, Upload | None]:
    """The upload, and the one that it replaces. Same name and digest: the one that is there."""
    old = next((u for u in of_origin(tx, job_id, origin) if u.name == said.name), None)
    if old is not None and (old.sha256, old.length) == (said.sha256, said.length):
        return old, None
    if old is not None:
        delete(tx, old)
    upload = Upload(
        upload_id=secrets.token_hex(16),
        job_id=job_id,
        origin=origin,
        name=said.name,
        media_type=said.media_type,
        sha256=said.sha256,
        length=said.length,
    )
    insert(tx, upload)
    return upload, old


def insert(tx: Transaction, upload: Upload) -> None:
    tx.db.execute(
        f"INSERT INTO uploads ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
        (
            upload.upload_id,
            upload.job_id,
            upload.origin,
            upload.name,
            upload.media_type,
            upload.sha256,
            upload.length,
            upload.received,
            int(upload.is_done),
        ),
    )


def note_received(tx: Transaction, upload: Upload) -> None:
    """The bytes are on disk already."""
    tx.db.execute(
        "UPDATE uploads SET received = ? WHERE upload_id = ?", (upload.received, upload.upload_id)
    )
    if upload.is_input:
        tx.db.execute("UPDATE jobs SET updated_at = ? WHERE job_id = ?", (tx.now, upload.job_id))


def note_done(tx: Transaction, upload: Upload, sha256: Digest) -> None:
    """The file lies whole under its final name already."""
    tx.db.execute(
        "UPDATE uploads SET received = length, is_done = 1, sha256 = ? WHERE upload_id = ?",
        (sha256, upload.upload_id),
    )


def delete(tx: Transaction, upload: Upload) -> None:
    tx.db.execute("DELETE FROM uploads WHERE upload_id = ?", (upload.upload_id,))


def _upload(row: tuple[object, ...]) -> Upload:
    names = _COLUMNS.split(", ")
    fields = dict(zip(names, row, strict=True))
    return Upload(**{**fields, "is_done": bool(fields["is_done"])})  # type: ignore[arg-type]
