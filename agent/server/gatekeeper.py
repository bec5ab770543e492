"""Which token is valid: asked of the database, and remembered for a moment."""

from dataclasses import dataclass
from functools import partial

from agent.server.store.store import Store
from agent.server.store.transaction import Transaction
from agent.server.tokens import TokenRecord, find_token, hash_of, is_valid

BELIEVED_S = 0.5
"""A token made or revoked by another process is noticed this soon."""
MAX_REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class _Looked:
    record: TokenRecord | None
    at: float


class Gatekeeper:
    """Remembers tokens for a moment, so that not every call asks the database."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._looked: dict[str, _Looked] = {}

    async def find(self, secret: str, now: float) -> TokenRecord | None:
        digest = hash_of(secret)
        looked = self._looked.get(digest)
        if looked is None or not 0.0 <= now - looked.at < BELIEVED_S:
            record = await self._store.run(partial(_find, digest=digest))
            if len(self._looked) >= MAX_REMEMBERED:
                self._looked.clear()
            looked = self._looked[digest] = _Looked(record, now)
        return looked.record

    async def is_still_valid(self, record: TokenRecord) -> bool:
        """Asks now, whatever is remembered."""
        return await self._store.run(lambda tx: is_valid(tx.db, record.token_id))


def _find(tx: Transaction, digest: str) -> TokenRecord | None:
    return find_token(tx.db, digest)
