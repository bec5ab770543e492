"""The one thread that touches the database: operations in batches, a commit for each batch.

Group commit keeps the event loop free of fsync and makes a slow disk matter once per batch
instead of once per call. Nobody is answered before the batch is on disk.
"""

import asyncio
import sqlite3
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from queue import Empty, SimpleQueue
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
        self._orders: SimpleQueue[_Order | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._serve, name="store", daemon=True)
        self._is_open = True
        self._thread.start()

    async def run(self, work: Callable[[Transaction], T]) -> T:
        """The work's result, once it is on disk."""
        if not self._is_open:
            raise ProblemError(ProblemCode.UNAVAILABLE, "the server is stopping")
        done: asyncio.Future[T] = self._loop.create_future()
        self._orders.put(_Order(work, done))
        return await done

    def close(self) -> None:
        """What was ordered before is still done."""
        self._is_open = False
        self._orders.put(None)
        self._thread.join()
        self._db.close()

    def _serve(self) -> None:
        while True:
            batch, is_last = self._next_batch()
            if batch:
                self._do(batch)
            if is_last:
                return

    def _next_batch(self) -> tuple[list[_Order], bool]:
        batch: list[_Order] = []
        order = self._orders.get()
        with suppress(Empty):
            while order is not None:
                batch.append(order)
                if len(batch) == MAX_BATCH:
                    return batch, False
                order = self._orders.get_nowait()
            return batch, True
        return batch, False

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
