"""The writing thread: batches, failures, a full disk."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from agent.server.problems import ProblemError
from agent.server.queue.values import Numbers
from agent.server.store.schema import SchemaError, open_database
from agent.server.store.store import Store
from agent.server.store.transaction import Transaction
from agent.wire.problems import ProblemCode
from tests.server.world import ManualClock

pytestmark = pytest.mark.real_time


@asynccontextmanager
async def opened(folder: Path) -> AsyncIterator[Store]:
    store = await Store.open(folder, ManualClock(), Numbers(), lambda _: None)
    try:
        yield store
    finally:
        store.close()


def note(value: float, name: str) -> Callable[[Transaction], object]:
    return lambda tx: tx.db.execute("INSERT INTO meta VALUES (?, ?)", (name, value)).rowcount


def noted(tx: Transaction) -> list[float]:
    rows = tx.db.execute("SELECT value FROM meta WHERE name LIKE 'n%' ORDER BY name")
    return [value for (value,) in rows]


async def test_a_broken_operation_is_undone_and_its_neighbours_are_not(tmp_path: Path) -> None:
    def breaks(tx: Transaction) -> None:
        tx.db.execute("INSERT INTO meta VALUES ('n2', 2)")
        raise ZeroDivisionError

    async with opened(tmp_path) as store:
        tasks = [
            asyncio.create_task(store.run(work)) for work in (note(1, "n1"), breaks, note(3, "n3"))
        ]
        await asyncio.wait(tasks)

        assert isinstance(tasks[1].exception(), ZeroDivisionError)
        assert await store.run(noted) == [1, 3]


async def test_a_refusal_keeps_what_was_noted_with_it(tmp_path: Path) -> None:
    def refuses(tx: Transaction) -> None:
        tx.db.execute("INSERT INTO meta VALUES ('n1', 1)")
        raise ProblemError(ProblemCode.LEASE_LOST, "over")

    async with opened(tmp_path) as store:
        with pytest.raises(ProblemError):
            await store.run(refuses)

        assert await store.run(noted) == [1]


async def test_a_full_disk_is_told_to_everybody_in_the_batch_and_passes(tmp_path: Path) -> None:
    def fill(tx: Transaction) -> None:
        tx.db.execute("INSERT INTO meta VALUES (?, 1)", ("x" * 1_000_000,))

    async with opened(tmp_path) as store:
        pages = await store.run(lambda tx: tx.db.execute("PRAGMA page_count").fetchone()[0])
        await store.run(lambda tx: tx.db.execute(f"PRAGMA max_page_count = {pages + 1}").fetchone())

        with pytest.raises(ProblemError) as full:
            await store.run(fill)

        assert full.value.problem.code is ProblemCode.DISK_FULL
        await store.run(lambda tx: tx.db.execute("PRAGMA max_page_count = 999999").fetchone())
        await store.run(fill)


async def test_more_operations_than_a_batch_takes_are_all_done(tmp_path: Path) -> None:
    async with opened(tmp_path) as store, asyncio.TaskGroup() as group:
        for n in range(300):
            group.create_task(store.run(note(n, f"n{n:03}")))

    async with opened(tmp_path) as store:
        assert await store.run(noted) == list(range(300))


async def test_a_closed_store_refuses(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        pass

    with pytest.raises(ProblemError) as refused:
        await store.run(noted)

    assert refused.value.problem.code is ProblemCode.UNAVAILABLE


async def test_a_folder_of_another_version_is_refused_and_stays_free(tmp_path: Path) -> None:
    open_database(tmp_path).close()
    db = sqlite3.connect(tmp_path / "server.sqlite3")
    db.execute("PRAGMA user_version = 99")
    db.close()

    for _ in range(2):
        with pytest.raises(SchemaError, match="schema 99"):
            await Store.open(tmp_path, ManualClock(), Numbers(), lambda _: None)


async def test_what_was_ordered_before_the_end_is_done_and_told(tmp_path: Path) -> None:
    store = await Store.open(tmp_path, ManualClock(), Numbers(), lambda _: None)
    tasks = [asyncio.create_task(store.run(note(n, f"n{n}"))) for n in range(3)]
    await asyncio.sleep(0)

    store.close()

    await asyncio.wait(tasks)
    async with opened(tmp_path) as store:
        assert await store.run(noted) == [0, 1, 2]


async def test_orders_that_come_together_share_a_commit(tmp_path: Path) -> None:
    statements: list[str] = []
    async with opened(tmp_path) as store:
        await store.run(lambda tx: tx.db.set_trace_callback(statements.append))
        async with asyncio.TaskGroup() as group:
            for n in range(20):
                group.create_task(store.run(note(n, f"n{n:02}")))

    assert 1 <= statements.count("COMMIT") < 20


async def test_an_order_nobody_waits_for_any_more_is_done(tmp_path: Path) -> None:
    async with opened(tmp_path) as store:
        task = asyncio.create_task(store.run(note(1, "n1")))
        await asyncio.sleep(0)
        task.cancel()

        assert await store.run(noted) == [1]
