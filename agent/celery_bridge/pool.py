"""Where Celery would start processes: here a task is a coroutine that waits for its job."""

import asyncio
import os
import threading
from collections.abc import Callable, Coroutine
from functools import partial
from time import monotonic
from types import MethodType
from typing import ClassVar, TypedDict, Unpack, cast

import structlog
from celery.concurrency.base import BasePool

from agent.celery_bridge.request import BridgeRequest
from agent.celery_bridge.wait import Delivery, Desk, Wait
from agent.model.ids import Seconds

AGAIN_S = 5.0
STOP_WITHIN_S = 5.0

Opened = tuple[Desk, Callable[[], Coroutine[None, None, None]]]
"""The desk, and what closes its connection."""


class Applied(TypedDict, total=False):
    """What of Celery's own options is of use here."""

    callback: MethodType
    """The request's own: what Celery knows of requests by their tasks may be another delivery."""
    accept_callback: Callable[[int, float], object]
    soft_timeout: float | None
    timeout: float | None


class WaitingPool(BasePool):  # type: ignore[misc]  # Celery ships no types
    """All of Celery stays in charge but for the doing: limits, acknowledgements, results."""

    open_desk: ClassVar[Callable[[], Opened]]
    """Called in the loop's thread."""
    signal_safe = False
    body_can_be_buffer = True

    def on_start(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._waits: dict[str, Wait] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._live, name="waits", daemon=True)
        self._is_open = threading.Event()
        self._thread.start()
        self._is_open.wait()

    def on_apply(
        self,
        target: Callable[..., object],
        args: tuple[object, ...] = (),
        kwargs: dict[str, object] | None = None,
        **options: Unpack[Applied],
    ) -> None:
        limit = options.get("soft_timeout") or options.get("timeout")
        delivery = Delivery(
            request=cast("BridgeRequest", options["callback"].__self__),
            trace=partial(target, *args, **(kwargs or {})),
            finish=options["callback"],
            timeout=None if limit is None else Seconds(limit),
        )
        options["accept_callback"](os.getpid(), monotonic())
        self._loop.call_soon_threadsafe(self._take, delivery)

    def on_stop(self) -> None:
        """Whoever waits is not waited for: its job goes on, and its message comes again."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_WITHIN_S)

    on_terminate = on_stop

    def _live(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._desk, close = type(self).open_desk()
        self._is_open.set()
        self._loop.run_forever()
        for task in self._tasks:
            task.cancel()
        self._loop.run_until_complete(asyncio.wait(self._tasks)) if self._tasks else None
        self._loop.run_until_complete(close())
        self._loop.close()

    def _take(self, delivery: Delivery) -> None:
        task_id = delivery.request.id
        if task_id in self._waits:
            self._waits[task_id].join(delivery)
            return
        self._waits[task_id] = Wait(self._desk, delivery)
        self._begin(task_id)

    def _begin(self, task_id: str) -> None:
        task = self._loop.create_task(self._waits[task_id].run())
        self._tasks.add(task)
        task.add_done_callback(partial(self._ended, task_id))

    def _ended(self, task_id: str, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is None:
            del self._waits[task_id]
            return
        # Its message is not acknowledged, so nobody else would begin it again.
        log = structlog.get_logger("agent.celery_bridge")
        log.error("wait.broken", task=task_id, error=repr(error), again_s=AGAIN_S)
        self._loop.call_later(AGAIN_S, self._begin, task_id)
