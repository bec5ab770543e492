"""The one thread that touches the database: operations in batches, a commit for each batch.

Group commit keeps the event loop free of fsync and makes a slow disk matter once per batch
instead of once per call. Nobody is answered before the batch is on disk.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from agent.server.clock import Clock
from agent.server.problems import ProblemError
from agent.server.queue.values import Moment, Numbers
from agent.server.store.transaction import Transaction
from agent.wire.problems import ProblemCode

T = TypeVar("T")
MAX_BATCH = 64


@dataclass(slots=True)
class _Order:
    work: Callable[[Transaction], Any]
    done: "asyncio.Future[Any]"
    result: object = None
    error: Exception | None = None
    transaction: Transaction | None = None


class Writer:
    def __init__(
        self,
        db: sqlite3.Connection,
        clock: Clock,
        numbers: Numbers,
        on_commit: Callable[[Transaction], None],
    ) -> None:
        """`on_commit` is called on the loop that made the writer, caller or no caller."""
        self._db = db
        self._clock = clock
        self._numbers = numbers
        self._on_commit = on_commit
        self._loop = asyncio.get_running_loop()
        self._thread = ThreadPoolExecutor(1, "store")
        self._orders: deque[_Order] = deque()
        self._is_called = False
        self._is_open = True

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """The work's result, once it is on disk."""
        if not self._is_open:
            raise ProblemError(ProblemCode.UNAVAILABLE, "the server is stopping")
        done: asyncio.Future[T] = self._loop.create_future()
        self._orders.append(_Order(work, done))
        if not self._is_called:
            self._is_called = True
            # Over the loop: a test's loop may put something else in the thread's place.
            self._turn = self._loop.run_in_executor(self._thread, self._serve)
        return await done

    def close(self) -> None:
        """What was ordered before is still done."""
        self._is_open = False
        self._thread.shutdown()
        self._serve()  # Whatever the thread did not come to.
        self._db.close()

    def _serve(self) -> None:
        # Before the orders are looked at: whoever comes later calls again, and waits his turn.
        self._is_called = False
        while batch := self._next_batch():
            self._do(batch)

    def _next_batch(self) -> list[_Order]:
        """What has been ordered by now: while it is done, the next batch gathers."""
        return [self._orders.popleft() for _ in range(min(len(self._orders), MAX_BATCH))]

    def _do(self, batch: Sequence[_Order]) -> None:
        try:
            self._db.execute("BEGIN IMMEDIATE")
            for order in batch:
                self._attempt(order)
            self._db.execute("COMMIT")
        except sqlite3.Error as error:
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            for order in batch:
                order.error, order.transaction = _translated(error), None
        with suppress(RuntimeError):  # the loop has closed: nobody is left to be told
            self._loop.call_soon_threadsafe(self._settle, batch)

    def _attempt(self, order: _Order) -> None:
        transaction = Transaction(self._db, Moment(self._clock.now()), self._numbers)
        self._db.execute("SAVEPOINT one")
        try:
            order.result = order.work(transaction)
            order.transaction = transaction
        except ProblemError as refusal:
            # A refusal is an outcome: what was noted with it (the agent was told) stays.
            order.error = refusal
        except sqlite3.OperationalError:
            raise  # disk full or an I/O error: the whole batch is in doubt
        except Exception as error:  # noqa: BLE001 - goes to the caller; the thread must live
            self._db.execute("ROLLBACK TO one")
            order.error = error
        self._db.execute("RELEASE one")

    def _settle(self, batch: Sequence[_Order]) -> None:
        for order in batch:
            if order.transaction is not None:
                self._on_commit(order.transaction)
            if order.done.done():
                continue
            if order.error is not None:
                order.done.set_exception(order.error)
            else:
                order.done.set_result(order.result)


def _translated(error: sqlite3.Error) -> ProblemError:
    is_full = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_FULL
    code = ProblemCode.DISK_FULL if is_full else ProblemCode.UNAVAILABLE
    return ProblemError(code, f"the database cannot be written: {error}")
