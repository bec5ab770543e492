"""One task from its delivery to its acknowledgement, whatever dies or is away in between."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import structlog
from celery import states

from agent.celery_bridge.errand import Access, Errand, Task
from agent.celery_bridge.order import KindOf, WrongOrderError, order_of, user_of
from agent.celery_bridge.reply import failure
from agent.celery_bridge.request import BridgeRequest
from agent.celery_bridge.results import Results
from agent.core.backoff import SteadyBackoff
from agent.model.errors import ServerError
from agent.model.ids import JsonObject, Seconds
from agent.wire.jobs import QUEUES

T = TypeVar("T")

GLANCE_S = 0.5
"""How often a wait looks whether its task was revoked, and tells how far it is."""
RESTS = SteadyBackoff(Seconds(0.5), Seconds(15.0))
USUAL_QUEUE = "gpu_fallback"
NOTHING_STORED = (0, None, 0.0)
"""What Celery's tracer says of a task that stored nothing of its own."""


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message of the broker's; one task can come in several."""

    request: BridgeRequest
    trace: Callable[[], object]
    """Stores the outcome, goes on with a chain, and gives what `finish` takes. Blocks."""
    finish: Callable[[object], object]
    """Acknowledges the message."""
    timeout: Seconds | None


@dataclass(frozen=True, slots=True)
class Desk:
    """What all waits of a bridge share."""

    access: Access
    results: Results
    outcomes: dict[str, JsonObject]
    """By task, for the tracer to pick up."""
    kind_of: KindOf


class Wait:
    """May be run again from its start after whatever goes wrong in it."""

    def __init__(self, desk: Desk, delivery: Delivery) -> None:
        self._desk = desk
        self._delivery = delivery
        self._request = delivery.request
        self._others: list[Delivery] = []
        self._progress: JsonObject | None = None
        """What the caller has not been told yet."""
        self._log = structlog.get_logger("agent.celery_bridge").bind(task=self._request.id)

    def join(self, delivery: Delivery) -> None:
        """The same task once more: it ends with this one."""
        self._others.append(delivery)

    async def run(self) -> None:
        answer: object = NOTHING_STORED
        state = await self._desk.results.state(self._request.id)
        if state == states.REVOKED:
            await self._forget_job()
        elif state not in states.READY_STATES:
            answer = await self._end()
        await self._finish(self._delivery, answer)
        while self._others:
            await self._finish(self._others.pop(), NOTHING_STORED)

    async def _finish(self, delivery: Delivery, answer: object) -> None:
        await self._desk.results.run(partial(delivery.finish, answer))

    async def _forget_job(self) -> None:
        """Another worker has told the caller, and knows nothing of a job that may be there."""
        try:
            await self._call_off(await self._errand())
        except WrongOrderError:
            return  # then there is none

    async def _end(self) -> object:
        """What `finish` takes, once the caller has been told."""
        try:
            errand = await self._errand()
        except WrongOrderError as error:
            return await self._store(failure(str(error), self._user_id))
        reply = await self._reply_of(errand)
        if reply is not None:
            return await self._store(reply)
        await self._call_off(errand)
        await self._desk.results.run(self._request.announce)
        self._log.info("task.revoked", job=errand.job_id)
        return NOTHING_STORED

    async def _store(self, reply: JsonObject) -> object:
        if await self._desk.results.is_there(self._request.id):
            return NOTHING_STORED  # by another bridge, which got the message meanwhile
        self._desk.outcomes[self._request.id] = reply
        answer = await self._desk.results.run(self._delivery.trace)
        self._log.info("task.answered", success=reply["success"])
        return answer

    async def _errand(self) -> Errand:
        request = self._request
        asked = order_of(request.type, request.args, request.kwargs, self._desk.kind_of)
        queue = request.delivery_info.get("routing_key")
        task = Task(
            task_id=request.id,
            queue=queue if queue in QUEUES else USUAL_QUEUE,
            order=asked,
            user_id=self._user_id,
            timeout=self._delivery.timeout,
        )
        errand = Errand(self._desk.access, task, self._note)
        errand.job_id = await self._desk.results.job_of(request.id)
        return errand

    @property
    def _user_id(self) -> str | None:
        request = self._request
        return user_of(request.type, request.args, request.kwargs)

    async def _reply_of(self, errand: Errand) -> JsonObject | None:
        """None: the caller does not want it any more."""
        return await self._asked(
            partial(self._watched, errand), lambda: not self._is_called_off(errand)
        )

    async def _watched(self, errand: Errand) -> JsonObject | None:
        running = asyncio.create_task(errand.run())
        try:
            while not running.done():
                await asyncio.wait({running}, timeout=GLANCE_S)
                if running.done():
                    break
                if self._is_called_off(errand):
                    return None
                await self._tell_progress()
            return running.result()
        finally:
            running.cancel()

    def _is_called_off(self, errand: Errand) -> bool:
        request = self._request
        return request.is_revoked() or (not errand.is_begun and request.is_expired())

    async def _call_off(self, errand: Errand) -> None:
        await self._asked(errand.call_off, lambda: True)

    async def _asked(
        self, call: Callable[[], Awaitable[T]], is_wanted: Callable[[], bool]
    ) -> T | None:
        """What the server answers, however long it is away; None once that is not wanted."""
        failures = 0
        while is_wanted():
            try:
                return await call()
            except ServerError as error:
                rest = RESTS.delay(failures)
                failures += 1
                self._log.warning("server.unreachable", error=str(error), again_s=rest)
                await asyncio.sleep(rest)
        return None

    def _note(self, progress: JsonObject) -> None:
        self._progress = progress

    async def _tell_progress(self) -> None:
        """The latest only, and never beside anything else that is stored for the task."""
        progress, self._progress = self._progress, None
        if progress is not None:
            await self._desk.results.note(self._request, progress)
