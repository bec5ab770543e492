import hashlib

import pytest

from tests.end_to_end.house import House, wait_until
from tests.speech import MARKET, say

pytestmark = pytest.mark.slow

JOBS = 20
SPOKEN = 3
"""Of the jobs; the others are texts, which take milliseconds."""


def test_two_agents_do_twenty_jobs_once_each(house: House) -> None:
    clip = say("Two agents share the work of the day.", house.folder / "work.wav").read_bytes()
    house.serve()
    agents = [house.agent("attic"), house.agent("cellar")]
    texts = [f"letter number {number}\n" for number in range(JOBS - SPOKEN)]

    jobs = [house.create_job(text.encode(), "letter.txt") for text in texts]
    jobs += [
        house.create_job(clip, "work.wav", content_type="audio", queue="gpu_priority")
        for _ in range(SPOKEN)
    ]
    ended = [house.ended(job_id) for job_id in jobs]

    assert [job["state"] for job in ended] == ["completed"] * JOBS
    assert [len(job["attempts"]) for job in ended] == [1] * JOBS
    completions = [event["job_id"] for agent in agents for event in agent.events("job.completed")]
    assert sorted(completions) == sorted(jobs)
    for job, text in zip(ended, texts, strict=False):
        assert text.strip() in house.artifact(job["job_id"], "text.txt").decode()
    for job in ended:
        for line in job["artifacts"]:
            content = house.artifact(job["job_id"], line["name"])
            assert hashlib.sha256(content).hexdigest() == line["sha256"]


def test_an_agent_killed_in_mid_job_does_it_once_after_its_restart(house: House) -> None:
    clip = say(MARKET, house.folder / "long.wav").read_bytes()
    house.serve()
    agent = house.agent()
    job_id = house.create_job(clip, "long.wav", content_type="audio")
    agent.wait_for('"stage": "processing"')

    agent.process.kill()
    agent.end()
    again = house.agent()
    job = house.ended(job_id, patience=120.0)

    assert job["state"] == "completed", job
    outcomes = [attempt["outcome"] for attempt in job["attempts"]]
    assert outcomes.count("completed") == 1
    again.wait_for("job.completed")
    assert len(again.events("job.completed")) == 1


def test_a_server_that_restarts_loses_nothing(house: House) -> None:
    server = house.serve()
    port = int(house.server_url.rsplit(":", 1)[1])
    waiting = house.create_job(b"before the restart\n")
    server.process.kill()
    server.end()
    house.serve(port=port)
    house.agent()

    job = house.ended(waiting)

    assert job["state"] == "completed"


def test_the_agent_outlives_its_server(house: House) -> None:
    server = house.serve()
    port = int(house.server_url.rsplit(":", 1)[1])
    agent = house.agent()
    house.ended(house.create_job(b"first\n"))
    server.process.kill()
    server.end()
    agent.wait_for("poll.postponed")
    house.serve(port=port)

    job = house.ended(house.create_job(b"second\n"))

    assert job["state"] == "completed"
    assert agent.process.poll() is None


def test_the_input_of_a_running_job_is_gone_from_the_spool_afterwards(house: House) -> None:
    house.serve()
    house.agent()

    house.ended(house.create_job(b"nothing stays\n"))

    jobs = house.folder / "spool-attic" / "held"
    wait_until(lambda: not any(jobs.iterdir()), "an empty spool")
