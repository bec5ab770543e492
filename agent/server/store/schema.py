"""The tables, and how the database file is opened."""

import os
import sqlite3
from contextlib import suppress
from pathlib import Path

VERSION = 1
DATABASE = "server.sqlite3"
SPOOL_MARKER = "morag-spool.json"
"""Marks the folder of an agent, which tidies it: never to be shared."""
FOREIGN = ("lock",)
"""Traces of some other program's folder, where there is no database of ours."""
BUSY_TIMEOUT_S = 10.0
"""The command line writes tokens into the same file while the server runs."""

TABLES = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value REAL NOT NULL) STRICT;
CREATE TABLE IF NOT EXISTS tokens (
  token_id TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, agent_id TEXT,
  note TEXT NOT NULL, created_at REAL NOT NULL, revoked_at REAL
) STRICT;
CREATE TABLE IF NOT EXISTS jobs (
  seq INTEGER PRIMARY KEY AUTOINCREMENT, job_id TEXT NOT NULL UNIQUE,
  state TEXT NOT NULL, content_type TEXT NOT NULL, queue TEXT NOT NULL,
  priority INTEGER NOT NULL, size INTEGER, created_at REAL NOT NULL, updated_at REAL NOT NULL,
  is_whole INTEGER NOT NULL, max_attempts INTEGER NOT NULL, allowed INTEGER NOT NULL,
  ended_at REAL, not_before REAL NOT NULL, doomed_at REAL, retried_at REAL NOT NULL,
  cancels INTEGER NOT NULL, code TEXT, message TEXT,
  filename TEXT NOT NULL, sha256 TEXT, media_type TEXT, options TEXT NOT NULL, input_url TEXT,
  timeout_s REAL, idempotency_key TEXT UNIQUE, body_digest TEXT NOT NULL,
  manifest TEXT NOT NULL DEFAULT '[]', summary TEXT NOT NULL DEFAULT '{}',
  metrics TEXT NOT NULL DEFAULT '{}'
) STRICT;
CREATE INDEX IF NOT EXISTS jobs_waiting ON jobs
  (queue, content_type, priority DESC, seq, not_before, doomed_at, size) WHERE state = 'queued';
CREATE INDEX IF NOT EXISTS jobs_by_state ON jobs (state, seq);
CREATE INDEX IF NOT EXISTS jobs_doomed ON jobs (doomed_at) WHERE doomed_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_delayed ON jobs (not_before) WHERE state = 'queued';
CREATE INDEX IF NOT EXISTS jobs_ended ON jobs (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS jobs_created ON jobs (updated_at) WHERE state = 'created';
CREATE TABLE IF NOT EXISTS kinds (
  queue TEXT NOT NULL, content_type TEXT NOT NULL, PRIMARY KEY (queue, content_type)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS leases (
  seq INTEGER PRIMARY KEY, lease_id TEXT NOT NULL UNIQUE,
  job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
  origin TEXT NOT NULL, agent_id TEXT NOT NULL, boot_id TEXT NOT NULL, attempt INTEGER NOT NULL,
  phase TEXT NOT NULL, until REAL NOT NULL, offered_at REAL NOT NULL, request_id TEXT NOT NULL,
  accepted_at REAL, ended_at REAL, stage TEXT, progress REAL NOT NULL, message TEXT NOT NULL,
  code TEXT, reason TEXT, replaced_by TEXT, is_counted INTEGER NOT NULL, is_told INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS leases_of_job ON leases (job_id, seq);
CREATE INDEX IF NOT EXISTS leases_due ON leases (until) WHERE phase IN ('offered', 'held');
CREATE INDEX IF NOT EXISTS leases_of_agent ON leases (agent_id, phase);
CREATE INDEX IF NOT EXISTS leases_of_poll ON leases (agent_id, request_id);
CREATE TABLE IF NOT EXISTS rests (
  job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE, agent_id TEXT NOT NULL,
  releases INTEGER NOT NULL, until REAL NOT NULL, PRIMARY KEY (job_id, agent_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS events (
  job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE, number INTEGER NOT NULL,
  kind TEXT NOT NULL, data TEXT NOT NULL, PRIMARY KEY (job_id, number)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS agents (
  agent_id TEXT PRIMARY KEY, boot_id TEXT, boot_seq INTEGER, hello TEXT NOT NULL,
  directive TEXT NOT NULL, directive_reason TEXT, directive_boot TEXT, greeted_at REAL NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS boots (
  agent_id TEXT NOT NULL, boot_id TEXT NOT NULL, has_signed_off INTEGER NOT NULL,
  PRIMARY KEY (agent_id, boot_id)
) STRICT, WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS uploads (
  upload_id TEXT PRIMARY KEY, job_id TEXT NOT NULL REFERENCES jobs (job_id) ON DELETE CASCADE,
  origin TEXT NOT NULL, name TEXT NOT NULL, media_type TEXT NOT NULL, sha256 TEXT,
  length INTEGER NOT NULL, received INTEGER NOT NULL, is_done INTEGER NOT NULL,
  UNIQUE (job_id, origin, name)
) STRICT;
CREATE TABLE IF NOT EXISTS morag_jobs (
  job_id TEXT PRIMARY KEY REFERENCES jobs (job_id) ON DELETE CASCADE,
  ingestion_task_id TEXT NOT NULL, request_digest TEXT NOT NULL, task_options TEXT NOT NULL,
  is_awaited INTEGER NOT NULL, due_at REAL, tries INTEGER NOT NULL DEFAULT 0, outcome TEXT
) STRICT, WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS morag_tasks ON morag_jobs (ingestion_task_id);
CREATE INDEX IF NOT EXISTS morag_due ON morag_jobs (due_at) WHERE due_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS morag_workers (
  worker_id TEXT PRIMARY KEY, agent_id TEXT NOT NULL, registration TEXT NOT NULL,
  registered_at REAL NOT NULL
) STRICT, WITHOUT ROWID;
"""


class SchemaError(Exception):
    """The data folder was written by another version of this program."""


class ForeignFolderError(SchemaError):
    """The data folder is in use by something else than a server."""


def open_database(folder: Path) -> sqlite3.Connection:
    """Ready for use from any one thread; durable: a commit is on disk when it returns."""
    prepare_folder(folder)
    _create(folder / DATABASE)
    db = sqlite3.connect(
        folder / DATABASE,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
    )
    try:
        _prepare(db)
    except BaseException:
        db.close()
        raise
    return db


def _create(database: Path) -> None:
    """Make the file here, not by SQLite, whose file everybody may read; its journal follows.

    Never open one that exists: closing it again would drop every lock that this process holds on
    it (POSIX), and with them what keeps other processes from cleaning up under a running server.
    """
    with suppress(FileExistsError):
        os.close(os.open(database, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def prepare_folder(folder: Path) -> None:
    """It exists, and is nobody else's. Raises `ForeignFolderError` before it leaves a trace."""
    foreign = () if (folder / DATABASE).exists() else FOREIGN
    for name in (SPOOL_MARKER, *foreign):
        if (folder / name).exists():
            raise ForeignFolderError(
                f"{folder} belongs to another program, most likely an agent (there is a {name});"
                " give the server a folder of its own"
            )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)


def _prepare(db: sqlite3.Connection) -> None:
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    db.execute("PRAGMA foreign_keys = ON")
    db.execute("BEGIN IMMEDIATE")
    (found,) = db.execute("PRAGMA user_version").fetchone()
    if found not in {0, VERSION}:
        db.execute("ROLLBACK")
        raise SchemaError(f"the data folder has schema {found}, this program knows {VERSION}")
    for statement in TABLES.split(";\n"):
        if statement.strip():
            db.execute(statement)
    db.execute(f"PRAGMA user_version = {VERSION}")
    db.execute("COMMIT")
