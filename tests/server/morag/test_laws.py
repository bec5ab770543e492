"""Whatever workers do with a job, in whatever order: one result counts, and it is told once."""

import asyncio
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.server.morag.old import OldWorker, OldWorld, old_world, ours
from tests.server.world import AgentSide

pytestmark = [pytest.mark.real_time, pytest.mark.slow]
WORKERS = st.sampled_from(["box-1", "box-2"])
STEPS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["poll", "bring", "give_up", "download", "empty"]), WORKERS),
        st.tuples(st.sampled_from(["agent takes", "agent finishes", "agent fails"])),
        st.tuples(st.just("time"), st.sampled_from([1.0, 60.0, 1801.0, 4000.0])),
        st.tuples(st.just("cancel")),
        st.tuples(st.just("create again")),
    ),
    max_size=25,
)
ENDED = {"completed", "failed", "timeout", "cancelled"}


class Play:
    """One job, and everybody who may touch it."""

    def __init__(self, w: OldWorld, job_id: str, agent: AgentSide) -> None:
        self._w, self._job_id, self._agent = w, job_id, agent
        self._workers: dict[str, OldWorker] = {}
        self._lease: str | None = None
        self._end: str | None = None
        self._accepted: list[str] = []

    async def do(self, verb: str, *more: Any) -> None:
        await getattr(self, "_" + verb.replace(" ", "_"))(*more)
        status = (await self._w.status(self._job_id))["status"]
        if self._end is not None:
            assert status == self._end, "an end is an end"
        self._end = status if status in ENDED else None

    def _worker(self, box: str) -> OldWorker:
        return self._workers.setdefault(box, self._w.worker(box))

    async def _poll(self, box: str) -> None:
        job_id = (await self._worker(box).poll())["job_id"]
        assert job_id in {None, self._job_id}
        if job_id is not None:
            assert self._end is None, "nobody gets a job that has ended"

    async def _bring(self, box: str) -> None:
        text = f"{box} says {len(self._accepted)}"
        was_done = self._end
        answer = await self._worker(box).put(self._job_id, success=True, content=text)
        assert answer.status_code in {200, 403}
        if answer.status_code == 200 and answer.json()["status"] == "completed" and not was_done:
            self._accepted.append(text)

    async def _give_up(self, box: str) -> None:
        answer = await self._worker(box).put(self._job_id, success=False)
        assert answer.status_code in {200, 403}

    async def _empty(self, box: str) -> None:
        answer = await self._worker(box).put(self._job_id, success=True, content="")
        assert answer.status_code in {200, 403}

    async def _download(self, box: str) -> None:
        answer = await self._worker(box).download(self._job_id)
        assert answer.status_code in {200, 403}

    async def _agent_takes(self) -> None:
        offer = (await self._agent.poll())["offer"]
        if offer is not None and (await self._agent.renew(offer["lease_id"])).status_code == 200:
            self._lease = offer["lease_id"]

    async def _agent_finishes(self) -> None:
        if self._lease is None:
            return
        text = ours(f"{len(self._accepted)} results before")
        created = await self._agent.create_upload(self._lease, "transcript.md", text.encode())
        if created.status_code != 201:
            return
        line = await self._agent.upload(self._lease, "transcript.md", text.encode())
        answer = await self._agent.say(self._lease, "complete", manifest=[line])
        if answer.status_code == 200:
            self._accepted.append(text)
            self._lease = None

    async def _agent_fails(self) -> None:
        if self._lease is not None:
            await self._agent.say(self._lease, "fail", code="internal", retryable=True)
            self._lease = None

    async def _time(self, seconds: float) -> None:
        await self._w.after(seconds)

    async def _cancel(self) -> None:
        await self._w.client.post(f"/v1/jobs/{self._job_id}/cancel")

    async def _create_again(self) -> None:
        if self._end in {None, "completed"}:
            assert await self._w.create(ingestion_task_id="task") == self._job_id

    async def end(self) -> None:
        """What was accepted is what was told, once."""
        expected = self._accepted
        assert len(expected) == (self._end == "completed")
        await self._w.told.until(len(expected))
        await asyncio.sleep(0.03)
        assert [call["content"] for call in self._w.told.calls] == expected


async def play(folder: Path, steps: list[tuple[Any, ...]]) -> None:
    async with old_world(folder) as w:
        job_id = await w.create(ingestion_task_id="task")
        one = Play(w, job_id, await w.world.agent("attic"))
        for step in steps:
            await one.do(*step)
        await one.end()


@given(STEPS)
@settings(max_examples=60, deadline=None)
def test_one_result_counts_and_is_told_once(steps: list[tuple[Any, ...]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        asyncio.run(play(Path(folder), steps))
