import asyncio

import httpx
import pytest
import respx

from agent.cli.waiting import LONG, Patience, why_queued
from agent.edges.http import Connection
from agent.edges.jobs_client import JobsClient
from agent.model.lease import Directive
from agent.wire.agents import Capability
from agent.wire.fleet import AgentInfo, HeldInfo
from agent.wire.jobs import JobState, NewJob

BASE = "http://server"
JOB = NewJob(content_type="audio", filename="a.mp3", size=1)


def agent(name: str = "attic", **more: object) -> AgentInfo:
    told = {
        "agent_id": name,
        "name": name,
        "version": "1",
        "capability": Capability.HYBRID,
        "content_types": ("audio", "text"),
        "queues": ("gpu_fallback",),
        "slots": 1,
        "online": True,
        "last_seen_s": 0.0,
        "directive": Directive.CONTINUE,
        **more,
    }
    return AgentInfo.model_validate(told)


HELD = (HeldInfo(job_id="j", lease_id="l"),)


@pytest.mark.parametrize(
    ("agents", "why"),
    [
        ([], "no agent is online"),
        ([agent(online=False)], "no agent is online"),
        (
            [agent(content_types=("text",))],
            "no agent that is online takes audio; attic takes text",
        ),
        ([agent(queues=("gpu_priority",))], "from no queue gpu_fallback"),
        ([agent(directive=Directive.PAUSE)], "may take nothing new"),
        ([agent(holds=HELD), agent("cellar", holds=HELD)], "are busy: attic, cellar"),
        ([agent(holds=HELD), agent("cellar")], "cellar could take it, and has not so far"),
        ([agent(queues=())], "attic could take it"),
    ],
)
def test_the_reason_why_a_job_waits_is_seen_from_the_fleet(
    agents: list[AgentInfo], why: str
) -> None:
    assert why in why_queued(JOB, agents)


async def waited(state: JobState, answer: httpx.Response) -> None:
    with respx.mock(base_url=BASE, assert_all_called=False) as router:
        router.get("/v1/agents").mock(return_value=answer)
        patience = Patience(JobsClient(Connection(BASE, "t")), "a.mp3", JOB)
        patience.state = state
        async with asyncio.TaskGroup() as scope:
            scope.create_task(patience.run_out())
            await asyncio.sleep(LONG * 3)


async def test_who_waits_for_a_queued_job_is_told_once_why(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await waited(JobState.QUEUED, httpx.Response(200, json={"agents": []}))

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("a.mp3: still queued: no agent is online")


async def test_nothing_is_said_about_a_job_that_runs_or_by_a_server_that_does_not_know(
    capsys: pytest.CaptureFixture[str],
) -> None:
    await waited(JobState.LEASED, httpx.Response(200, json={"agents": []}))
    await waited(JobState.QUEUED, httpx.Response(404))

    assert capsys.readouterr().err == ""
