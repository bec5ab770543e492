"""A disk with no room for what the server notes now and then; all else is as before."""

import asyncio
from contextlib import suppress

from agent.server.problems import ProblemError
from agent.server.server import Server
from agent.server.store.transaction import Transaction


async def fill_disk(server: Server) -> None:
    await server.store.run(_let_notes_grow)
    await _allow_pages(server, 0)


async def make_room(server: Server) -> None:
    await _allow_pages(server, 10**6)


def _let_notes_grow(tx: Transaction) -> None:
    tx.db.execute("CREATE TABLE notes (note BLOB)")
    tx.db.execute(
        "CREATE TRIGGER grow AFTER INSERT ON meta"
        " BEGIN INSERT INTO notes VALUES (zeroblob(1000000)); END"
    )


async def _allow_pages(server: Server, more: int) -> None:
    def limit(tx: Transaction) -> None:
        (pages,) = tx.db.execute("PRAGMA page_count").fetchone()
        tx.db.execute(f"PRAGMA max_page_count = {pages + more}").fetchone()

    # An order that shares its batch with a write that fails is refused with it.
    async with asyncio.timeout(10):
        while True:
            with suppress(ProblemError):
                return await server.store.run(limit)
