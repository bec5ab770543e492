"""Tokens: shown once, stored hashed; the command line makes them, also while the server runs."""

import hashlib
import secrets
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.model.ids import AgentId
from agent.server.clock import Clock, ServerClock
from agent.server.store.schema import open_database


class TokenKind(StrEnum):
    AGENT = "agent"
    """May use sections 4 to 7 as its own agent only."""
    CLIENT = "client"
    """May use section 8."""


@dataclass(frozen=True, slots=True)
class TokenRecord:
    """What is known of a token; the secret itself is not."""

    token_id: str
    kind: TokenKind
    agent_id: AgentId | None
    note: str
    created_at: float
    revoked_at: float | None


def create_token(
    folder: Path,
    kind: TokenKind,
    *,
    agent_id: str | None = None,
    note: str = "",
    clock: Clock | None = None,
) -> str:
    """The secret: the only time that it is seen. An agent's token needs its `agent_id`."""
    if (kind is TokenKind.AGENT) != (agent_id is not None):
        raise ValueError("an agent token has an agent_id, a client token has none")
    secret = f"morag_{kind}_{secrets.token_urlsafe(32)}"
    digest = hash_of(secret)
    row = (digest[:12], digest, kind, agent_id, note, (clock or ServerClock()).now())
    with closing(open_database(folder)) as db:
        db.execute("INSERT INTO tokens VALUES (?, ?, ?, ?, ?, ?, NULL)", row)
    return secret


def list_tokens(folder: Path) -> list[TokenRecord]:
    with closing(open_database(folder)) as db:
        rows = db.execute("SELECT * FROM tokens ORDER BY created_at, token_id").fetchall()
    return [_record(row) for row in rows]


def revoke_token(folder: Path, token_id: str, *, clock: Clock | None = None) -> bool:
    """False if there is no such token, or it is revoked already."""
    with closing(open_database(folder)) as db:
        changed = db.execute(
            "UPDATE tokens SET revoked_at = ? WHERE token_id = ? AND revoked_at IS NULL",
            ((clock or ServerClock()).now(), token_id),
        ).rowcount
    return changed > 0


def find_token(db: sqlite3.Connection, digest: str) -> TokenRecord | None:
    """A valid token; revoked and unknown ones are the same to the outside."""
    row = db.execute(
        "SELECT * FROM tokens WHERE hash = ? AND revoked_at IS NULL", (digest,)
    ).fetchone()
    return None if row is None else _record(row)


def is_valid(db: sqlite3.Connection, token_id: str) -> bool:
    row = db.execute(
        "SELECT 1 FROM tokens WHERE token_id = ? AND revoked_at IS NULL", (token_id,)
    ).fetchone()
    return row is not None


def hash_of(secret: str) -> str:
    # 256 random bits need no slow hash.
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _record(row: sqlite3.Row) -> TokenRecord:
    return TokenRecord(
        row["token_id"],
        TokenKind(row["kind"]),
        row["agent_id"],
        row["note"],
        row["created_at"],
        row["revoked_at"],
    )
