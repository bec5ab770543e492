"""Tasks as a caller sees them: one server, one bridge, one Redis, and an agent by hand."""

import asyncio
import itertools
from collections.abc import Iterator
from typing import Any

import pytest

from tests.celery_bridge.asking import DOCUMENT, finish, result_of, send, take, until
from tests.celery_bridge.yard import UNACKED, Yard, yard_in
from tests.server.world import AgentSide

pytestmark = pytest.mark.real_time

VISIBILITY_S = 1
_numbers = itertools.count(1)


@pytest.fixture(scope="module")
def yard(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Yard]:
    with yard_in(tmp_path_factory.mktemp("yard")) as yard:
        yard.bridge("--celery-visibility-s", str(VISIBILITY_S))
        yield yard


@pytest.fixture
def agent(yard: Yard) -> Iterator[AgentSide]:
    side = yard.hand(f"hand-{next(_numbers)}")
    assert asyncio.run(side.hello()).status_code == 200
    yield side
    asyncio.run(side.sign_off())


async def test_a_task_becomes_a_job_and_its_result_has_the_form_that_morag_reads(
    yard: Yard, agent: AgentSide
) -> None:
    path = yard.write("letter.txt", "what was written")

    task = send(yard, path, "text", {"language": "en", "webhook_auth_token": "s3cret"}, "user-7")
    offer = await take(agent)
    await finish(agent, offer)

    assert offer["queue"] == "gpu_fallback"
    assert offer["content_type"] == "text"
    assert offer["input"]["filename"] == "letter.txt"
    assert "s3cret" not in str(offer)
    assert await result_of(task) == {
        "success": True,
        "content": DOCUMENT.decode(),
        "metadata": {"content_type": "text", "file_name": "letter.txt", "filename": "letter.txt"},
        "processing_time": 0.0,
        "error_message": None,
        "user_id": "user-7",
    }
    assert task.state == "SUCCESS"
    await until(lambda: yard.held() == 0, "the acknowledgement")


async def test_the_arguments_may_come_as_one_mapping_and_the_queue_is_the_same_at_the_server(
    yard: Yard, agent: AgentSide
) -> None:
    path = yard.write("talk.mp3", "no sound, but nobody listens")
    options = {"language": "de"}

    task = send(
        yard,
        {"file_path": path, "options": options, "user_id": "u"},
        name="remote.process_audio",
        queue="gpu_priority",
    )
    offer = await take(agent)
    await agent.say(offer["lease_id"], "fail", code="media_unreadable", message="no sound in it")

    assert (offer["queue"], offer["content_type"]) == ("gpu_priority", "audio")
    assert offer["options"]["language"] == "de"
    found = await result_of(task)
    assert found["success"] is False
    assert found["error_message"] == "media_unreadable: no sound in it"
    assert found["user_id"] == "u"
    assert task.state == "SUCCESS"  # the task has told its story; the story is sad


async def test_what_cannot_be_a_job_is_a_failure_in_words_and_no_job(yard: Yard) -> None:
    before = len(yard.jobs())
    (yard.inputs / "way-out.txt").symlink_to("/etc/passwd")
    there = yard.write("there.txt", "x")
    wrong = {
        (): "remote.process_file needs file_path: where the file lies, as a text",
        (str(yard.inputs / "absent.txt"),): "there is no file at file_path",
        ("/etc/passwd", "text"): "file_path lies in none of the folders",
        (str(yard.inputs / "way-out.txt"),): "file_path lies in none of the folders",
        ("there.txt",): "file_path must be an absolute path",
        (str(yard.inputs), "text"): "file_path is not a regular file",
        (there, "text", "fast, please"): "options must be a mapping",
        (there, "smell"): "content_type must be one of audio, video",
        (str(yard.inputs / "no-suffix"),): "the name no-suffix does not say what it is",
        (str(yard.house.data / "jobs.txt"),): "file_path lies in none of the folders",
    }

    tasks = {send(yard, *args): words for args, words in wrong.items()}

    for task, words in tasks.items():
        found = await result_of(task)
        assert (found["success"], found["content"]) == (False, "")
        assert words in found["error_message"]
    assert len(yard.jobs()) == before


async def test_what_the_agent_is_at_shows_as_the_state_of_the_task(
    yard: Yard, agent: AgentSide
) -> None:
    task = send(yard, yard.write("slow.txt", "slow"))
    offer = await take(agent)

    await agent.renew(offer["lease_id"], stage="processing", progress=0.42, message="page 3")

    await until(lambda: task.state == "PROGRESS" and task.info.get("progress"), "progress")
    assert task.info == {
        "job_id": offer["job_id"],
        "stage": "processing",
        "progress": 0.42,
        "message": "page 3",
        "attempt": 1,
    }
    await finish(agent, offer)
    assert (await result_of(task))["success"] is True


async def test_a_job_longer_than_the_visibility_timeout_is_done_once(
    yard: Yard, agent: AgentSide
) -> None:
    before = len(yard.jobs())
    task = send(yard, yard.write("long.txt", "long"))
    offer = await take(agent)

    await asyncio.sleep(3 * VISIBILITY_S)
    assert (await agent.poll())["offer"] is None
    with yard.redis.client() as client:
        (message,) = client.hvals(UNACKED)
    assert b'"redelivered": true' not in message
    await finish(agent, offer)

    assert (await result_of(task))["success"] is True
    await until(lambda: yard.held() == 0, "the acknowledgement")
    assert len(yard.jobs()) == before + 1


async def test_a_task_that_comes_twice_is_one_job_and_what_follows_it_follows_once(
    yard: Yard, agent: AgentSide
) -> None:
    before = len(yard.jobs())
    path = yard.write("twice.txt", "twice")
    once = yard.app.signature("morag.ingest", queue="once")
    task = send(yard, path, task_id="the-same", link=once)
    send(yard, path, task_id="the-same", link=once)
    offer = await take(agent)

    await until(lambda: yard.held() == 2, "both messages")
    await finish(agent, offer)
    assert (await result_of(task))["success"] is True
    await until(lambda: yard.held() == 0, "both acknowledgements")
    send(yard, path, task_id="the-same", link=once)
    await until(lambda: yard.held() == 0, "the acknowledgement of the third")

    assert len(yard.jobs()) == before + 1
    assert (await agent.poll())["offer"] is None
    with yard.redis.client() as client:
        assert client.llen("once") == 1


async def test_a_task_revoked_while_it_waits_for_an_agent_cancels_its_job(yard: Yard) -> None:
    task = send(yard, yard.write("waiting.txt", "waiting"))
    await until(lambda: task.state == "PROGRESS", "the job")
    job_id = task.info["job_id"]

    task.revoke()

    await until(lambda: task.state == "REVOKED", "the revocation")
    assert yard.house.job(job_id)["state"] == "cancelled"
    await until(lambda: yard.held() == 0, "the acknowledgement")


@pytest.mark.parametrize("terminate", [False, True])
async def test_a_task_revoked_while_an_agent_is_at_it_has_the_agent_stop(
    yard: Yard, agent: AgentSide, terminate: bool
) -> None:
    task = send(yard, yard.write("running.txt", f"running {terminate}"))
    offer = await take(agent)
    await until(lambda: task.state == "PROGRESS", "the job")

    task.revoke(terminate=terminate)

    await until(lambda: task.state == "REVOKED", "the revocation")
    assert (await agent.renew(offer["lease_id"])).json()["state"] == "cancel"
    await agent.say(offer["lease_id"], "release", reason="cancelled")
    assert yard.house.job(offer["job_id"])["state"] == "cancelled"


async def test_a_job_that_somebody_ends_at_the_server_is_a_failure(yard: Yard) -> None:
    path = yard.write("ended.txt", "ended")
    tasks = [send(yard, path), send(yard, path)]
    await until(lambda: {task.state for task in tasks} == {"PROGRESS"}, "the jobs")
    cancelled, removed = (task.info["job_id"] for task in tasks)

    with yard.house.client() as client:
        client.post(f"/v1/jobs/{cancelled}/cancel").raise_for_status()
        client.delete(f"/v1/jobs/{removed}").raise_for_status()

    first, second = [await result_of(task) for task in tasks]
    assert first["error_message"] == "the job was cancelled at the server"
    assert second["error_message"] == "the job server refuses it: unknown_job: no such job"
    assert (first["success"], second["success"]) == (False, False)


async def test_a_task_that_expires_before_an_agent_has_begun_is_not_begun(
    yard: Yard, agent: AgentSide
) -> None:
    task = send(yard, yard.write("stale.txt", "stale"), expires=1.0)

    await until(lambda: task.state == "REVOKED", "the end of its time")

    assert (await agent.poll())["offer"] is None


async def test_a_task_that_expires_while_an_agent_is_at_it_is_finished(
    yard: Yard, agent: AgentSide
) -> None:
    task = send(yard, yard.write("soon.txt", "soon"), expires=2.0)
    offer = await take(agent)
    await until(lambda: task.state == "PROGRESS" and task.info.get("attempt"), "the beginning")

    await asyncio.sleep(2.5)
    await finish(agent, offer)

    assert (await result_of(task))["success"] is True


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        ({"soft_time_limit": 70, "time_limit": 90}, 70),
        ({"time_limit": 90}, 90),
        ({}, None),
    ],
)
async def test_the_time_limits_of_the_message_are_the_jobs(
    yard: Yard, agent: AgentSide, limits: dict[str, Any], seconds: int | None
) -> None:
    task = send(yard, yard.write("limited.txt", f"limited {limits}"), **limits)

    offer = await take(agent)
    await finish(agent, offer)

    assert offer.get("timeout_s") == seconds
    assert (await result_of(task))["success"] is True


async def test_what_was_linked_to_a_task_goes_on_with_its_result(
    yard: Yard, agent: AgentSide
) -> None:
    after = yard.app.signature("morag.ingest", queue="after")
    task = send(yard, yard.write("first.txt", "first"), link=after)
    await finish(agent, await take(agent))

    assert (await result_of(task))["success"] is True
    with yard.redis.client() as client:
        assert client.llen("after") == 1
