"""What becomes of a task when something that it needs is gone for a while, or for good."""

import asyncio
import itertools
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.celery_bridge.asking import finish, result_of, send, take, until
from tests.celery_bridge.yard import RedisServer, Yard, redis_in, yard_in
from tests.server.world import AgentSide

pytestmark = [pytest.mark.real_time, pytest.mark.slow]

VISIBILITY_S = 1
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def whole_yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with yard_in(tmp_path_factory.mktemp("yard"), "--celery-visibility-s", str(VISIBILITY_S)) as it:
        yield it


@pytest.fixture
def yard(whole_yard: Yard) -> Iterator[Yard]:
    """Without a bridge, as every test finds it."""
    yield whole_yard
    for bridge in whole_yard.bridges:
        bridge.process.kill()
        bridge.end()


@pytest.fixture
def agent(yard: Yard) -> AgentSide:
    side = yard.hand(f"hand-{next(_numbers)}")
    assert asyncio.run(side.hello()).status_code == 200
    return side


async def test_a_task_outlives_its_bridge_and_its_file(yard: Yard, agent: AgentSide) -> None:
    bridge = yard.bridge()
    task = send(yard, yard.write("once.txt", "once"))
    offer = await take(agent)
    await until(lambda: task.state == "PROGRESS", "the note of the job")

    bridge.process.kill()
    bridge.end()
    await finish(agent, offer)
    yard.remove("once.txt")
    yard.bridge()

    assert (await result_of(task))["success"] is True
    await until(lambda: yard.broker.left() == 0, "the acknowledgement")
    assert jobs_of(yard, "once.txt") == 1


async def test_a_task_revoked_between_two_bridges_cancels_the_job_of_the_first(
    yard: Yard, agent: AgentSide
) -> None:
    bridge = yard.bridge()
    task = send(yard, yard.write("unwanted.txt", "unwanted"))
    offer = await take(agent)
    bridge.process.kill()
    bridge.end()

    # Well before the message comes again, and known to the new bridge alone.
    yard.bridge("--celery-visibility-s", "4")
    task.revoke()

    await until(lambda: task.state == "REVOKED", "the revocation")
    await until(lambda: yard.house.job(offer["job_id"])["state"] == "cancelled", "its end")
    await until(lambda: yard.broker.left() == 0, "the acknowledgement")
    assert jobs_of(yard, "unwanted.txt") == 1


async def test_a_bridge_that_is_told_to_end_does_so_at_once_and_hands_its_tasks_back(
    yard: Yard, agent: AgentSide
) -> None:
    bridge = yard.bridge("--celery-visibility-s", "600")
    task = send(yard, yard.write("back.txt", "back"))
    offer = await take(agent)
    began = time.monotonic()
    bridge.send(signal.SIGTERM)

    assert bridge.end() == 0
    assert time.monotonic() - began < 10
    yard.bridge("--celery-visibility-s", "600")
    await finish(agent, offer)
    assert (await result_of(task))["success"] is True
    assert jobs_of(yard, "back.txt") == 1


async def test_a_bridge_that_stood_still_shares_its_task_with_another_and_it_is_one_job(
    yard: Yard, agent: AgentSide
) -> None:
    still = yard.bridge()
    task = send(yard, yard.write("shared.txt", "shared"))
    offer = await take(agent)
    still.send(signal.SIGSTOP)
    other = yard.bridge()
    await asyncio.sleep(2.5 * VISIBILITY_S)
    still.send(signal.SIGCONT)
    await finish(agent, offer)

    assert (await result_of(task))["success"] is True
    await until(lambda: yard.broker.left() == 0, "the acknowledgements")
    assert jobs_of(yard, "shared.txt") == 1
    assert other.process.poll() is None
    assert still.process.poll() is None


async def test_a_result_waits_for_a_backend_that_is_away(
    yard: Yard, agent: AgentSide, tmp_path: Path
) -> None:
    with redis_in(tmp_path / "results") as results:
        bridge = yard.bridge(MORAG_AGENT_CELERY_RESULT_URL=results.url)
        task = send(yard, yard.write("patient.txt", "patient"))
        offer = await take(agent)
        results.kill()
        await finish(agent, offer)
        await asyncio.sleep(2)
        assert yard.held() == 1  # not acknowledged: nobody has the result yet
        results.start()

        await until(lambda: _has_result(results, task.id), "the result")
        await until(lambda: yard.broker.left() == 0, "the acknowledgement")
        assert bridge.process.poll() is None


async def test_a_bridge_ends_also_while_the_backend_is_away(
    yard: Yard, agent: AgentSide, tmp_path: Path
) -> None:
    with redis_in(tmp_path / "results") as results:
        bridge = yard.bridge(MORAG_AGENT_CELERY_RESULT_URL=results.url)
        send(yard, yard.write("stuck.txt", "stuck"))
        offer = await take(agent)
        results.kill()
        await finish(agent, offer)
        await asyncio.sleep(1)

        bridge.send(signal.SIGTERM)

        assert bridge.end(20) == 0
        assert yard.broker.left() == 1
    with yard.redis.client() as client:
        client.flushall()


def jobs_of(yard: Yard, name: str) -> int:
    return sum(job["filename"] == name for job in yard.jobs())


def _has_result(results: RedisServer, task_id: str) -> bool:
    with results.client() as client:
        found = client.get(f"celery-task-meta-{task_id}")
    return found is not None and b'"SUCCESS"' in found
