"""Celery's result backend, asked from a loop that must not wait."""

from collections.abc import Callable
from typing import Any

from celery import Celery, states

from agent.celery_bridge.hands import Hands
from agent.celery_bridge.request import BridgeRequest
from agent.model.ids import JobId, JsonObject

PROGRESS = "PROGRESS"


class Results:
    """Each call goes on until the backend answers, however long that is."""

    def __init__(self, app: Celery, hands: Hands) -> None:
        self._app = app
        self._hands = hands

    async def state(self, task_id: str) -> str:
        return str((await self._known(task_id)).get("status"))

    async def is_there(self, task_id: str) -> bool:
        return await self.state(task_id) in states.READY_STATES

    async def job_of(self, task_id: str) -> JobId | None:
        """The job whose progress was noted, perhaps by a bridge that is no more."""
        known = await self._known(task_id)
        noted = known.get("result")
        if known.get("status") != PROGRESS or not isinstance(noted, dict):
            return None
        job_id = noted.get("job_id")
        return JobId(job_id) if isinstance(job_id, str) else None

    async def note(self, request: BridgeRequest, progress: JsonObject) -> None:
        if not request.ignore_result:
            # The backend is the thread's own, so it is looked up there.
            await self._hands.run(
                lambda: self._app.backend.store_result(request.id, progress, PROGRESS)
            )

    async def run(self, call: Callable[[], object]) -> object:
        """For what stores by itself: Celery's own end of a task."""
        return await self._hands.run(call)

    async def _known(self, task_id: str) -> dict[str, Any]:
        known: dict[str, Any] = await self._hands.run(
            lambda: self._app.backend.get_task_meta(task_id, cache=False)
        )
        return known
