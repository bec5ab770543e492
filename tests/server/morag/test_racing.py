"""Old workers and one of our agents go for the same queue: each job is done once."""

import asyncio
from collections import Counter
from itertools import chain
from pathlib import Path

import pytest

from agent.server.morag import telling
from tests.server.morag.old import OldWorker, old_world, ours
from tests.server.world import AgentSide

pytestmark = [pytest.mark.real_time, pytest.mark.slow]
JOBS = 50


async def work_old(worker: OldWorker, done: list[str]) -> None:
    while (job_id := (await worker.poll())["job_id"]) is not None:
        assert (await worker.download(job_id)).status_code == 200
        answer = await worker.bring(job_id, content=f"{worker.name} did {job_id}")
        assert answer["status"] == "completed"
        done.append(job_id)


async def work_native(agent: AgentSide, done: list[str]) -> None:
    while (offer := (await agent.poll())["offer"]) is not None:
        await agent.renew(offer["lease_id"])
        text = f"{agent.agent_id} did {offer['job_id']}"
        answer = await agent.finish(offer["lease_id"], **{"transcript.md": ours(text).encode()})
        assert answer.status_code == 200
        done.append(offer["job_id"])


@pytest.mark.parametrize("round_", range(3))
async def test_fifty_jobs_two_old_workers_and_an_agent(
    tmp_path: Path, round_: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(telling, "LOOK_EVERY_S", 0.05)
    async with old_world(tmp_path, results_at_once=1 + round_) as w:
        jobs = [await w.create(ingestion_task_id=str(number)) for number in range(JOBS)]
        agent = await w.world.agent("attic")
        done: list[list[str]] = [[], [], []]
        async with asyncio.TaskGroup() as group:
            group.create_task(work_old(w.worker("box-1"), done[0]))
            group.create_task(work_old(w.worker("box-2"), done[1]))
            group.create_task(work_native(agent, done[2]))
        await w.told.until(JOBS)
        await asyncio.sleep(0.3)

        assert sorted(chain(*done)) == sorted(jobs)
        assert Counter(w.told.jobs) == Counter(jobs)
        assert all(done), "each of the three had some of them"
        doer = {job: who for who, theirs in zip("ABC", done, strict=True) for job in theirs}
        names = {"A": "worker-of-box-1", "B": "worker-of-box-2", "C": "attic"}
        for call in w.told.calls:
            text = f"{names[doer[call['job_id']]]} did {call['job_id']}"
            assert call["content"] in {text, ours(text)}
