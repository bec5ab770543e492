"""What the owner is told, of an agent at work on fakes."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import pytest

from agent.config.hours import weekly_hours
from agent.core.schedule import Schedule
from agent.model.control import AskDrain, AskPause, AskResume, Done, Refused
from agent.model.failures import FailureCode
from agent.model.gpu_state import Draw, GpuState, Load
from agent.model.ids import Bytes, Seconds
from agent.model.lease import Directive
from agent.model.restraint import Restraint, Rung
from agent.model.snapshot import GpuLine, HeldBack, Snapshot, Unsettled, WhyIdle
from agent.model.work import Failed
from agent.runtime.agent import Agent
from agent.runtime.contact import WatchedServer
from agent.runtime.desk import OwnersDesk
from agent.runtime.foresight import Bounds, Foresight
from agent.runtime.introduced import IntroducedServer
from agent.runtime.owner import Owner
from agent.runtime.status import About, Status
from tests.fakes.clocks import FakeClocks
from tests.fakes.ledger import Spell
from tests.fakes.notebook import FakeNotebook
from tests.fakes.pause_note import FakePauseNote
from tests.fakes.pool import HANGS, Plan
from tests.runtime.world import CONTENT, HOUR, WHO, World, working

ABOUT = About(agent_id="attic", version="1", pid=7, server_url="http://server")
ANY = WhyIdle(
    local=None, server="no job waits that it may take", change="one that is for it is taken at once"
)


@dataclass
class Watched:
    world: World
    agent: Agent
    desk: OwnersDesk
    note: FakePauseNote

    async def at(self, when: float) -> Snapshot:
        await self.world.sleep_until(when)
        return self.desk.look()


@asynccontextmanager
async def watched(world: World, gpus: Sequence[GpuState] = ()) -> AsyncIterator[Watched]:
    server = WatchedServer(world.connection, world.clock, lambda: "native")
    tools = replace(world.tools, server=IntroducedServer(server, WHO, world.spool))
    world.__dict__["tools"] = tools
    async with working(world) as agent:
        clocks, note = FakeClocks(world.clock), FakePauseNote()
        owner = Owner(agent.board, note, world.clock, clocks)
        status = Status(agent, ABOUT, server, clocks, gpus=lambda: gpus, settings=Unsettled)
        yield Watched(world, agent, OwnersDesk(agent, owner, status, clocks), note)


async def test_an_agent_without_work_says_that_none_came(world: World) -> None:
    async with watched(world) as seen:
        now = await seen.at(10.0)

    assert now.why_idle == ANY
    assert (now.mode, now.slots, now.computing, now.outbox) == ("running", 1, 0, 0)
    assert (now.contact.url, now.contact.since, now.contact.trouble) == (
        "http://server",
        10.0,
        None,
    )
    assert now.contact.dialect == "native"
    assert now.up_for == 10.0


async def test_jobs_that_wait_for_others_are_told(world: World) -> None:
    world.server.skipped = {"too_large": 1, "content_type": 2}
    async with watched(world) as seen:
        now = await seen.at(30.0)

    assert now.why_idle is not None
    assert now.why_idle.server == "the waiting jobs are not for us: 2 content_type, 1 too_large"


async def test_after_a_job_nothing_is_said_of_the_others_before_the_server_has(
    world: World,
) -> None:
    world.server.skipped = {"too_large": 1}
    world.add(plan=Plan(takes=Seconds(5.0)))
    async with watched(world) as seen:
        now = await seen.at(8.0)

    assert now.why_idle == ANY


async def test_a_server_that_is_gone_is_the_reason(world: World) -> None:
    world.server.outages = [Spell(0.0, HOUR)]
    async with watched(world) as seen:
        now = await seen.at(60.0)

    assert now.contact.trouble
    assert now.why_idle == WhyIdle(
        local=None, server=now.contact.trouble, change="it asks again by itself"
    )


async def test_a_full_disk_is_the_reason(world: World) -> None:
    world.spool.size = 1000
    async with watched(world) as seen:
        now = await seen.at(10.0)

    assert now.why_idle is not None
    assert now.why_idle.local is not None
    assert "the spool's disk has 0.0 GB free" in now.why_idle.local


async def test_the_owners_pause_is_the_reason_with_its_end(world: World) -> None:
    async with watched(world) as seen:
        await seen.at(10.0)
        answer = await seen.desk.do(AskPause(lasts=7200.0))
        now = await seen.at(70.0)

    assert isinstance(answer, Done)
    assert answer.snapshot.restraints == (
        HeldBack(
            source="owner", rung="take_nothing", why="paused by its owner", ends_in=Seconds(7200.0)
        ),
    )
    assert now.why_idle == WhyIdle(
        local="paused by its owner",
        server=None,
        change="it goes on by itself then",
        change_in=Seconds(7140.0),
    )


async def test_the_servers_pause_is_the_servers_reason(world: World) -> None:
    world.server.directives = [(0.0, Directive.PAUSE, "a new version is on its way")]
    async with watched(world) as seen:
        now = await seen.at(30.0)

    assert now.why_idle == WhyIdle(
        local=None,
        server="paused by the server: a new version is on its way",
        change="the server ends it",
    )


async def test_a_restraint_of_another_source_says_why(world: World) -> None:
    async with watched(world) as seen:
        seen.agent.board.restrain("guest", Restraint(rung=Rung.PAUSE, why="a game runs on GPU 0"))
        now = await seen.at(10.0)

    assert now.why_idle is not None
    assert now.why_idle.local == "a game runs on GPU 0"
    assert now.why_idle.change == "it goes on by itself when that is over"


async def test_what_keeps_one_gpu_or_none_of_ours_is_not_why_nothing_is_done(
    world: World,
) -> None:
    world.devices, world.gpus = ("0", "1"), {"GPU-a": "0", "GPU-b": "1"}
    async with watched(world) as seen:
        for uuid in ("GPU-a", "GPU-of-somebody-else"):
            game = Restraint(
                rung=Rung.PAUSE, why=f"a game runs on {uuid}", devices=frozenset({uuid})
            )
            seen.agent.board.restrain(f"guest:{uuid}", game)
        now = await seen.at(10.0)

    assert now.why_idle == ANY
    assert len(now.restraints) == 2


async def test_where_quiet_hours_or_a_quota_leave_less_it_says_so(world: World) -> None:
    quiet = Schedule(quiet=weekly_hours("12:10-15:00"))
    bounds = Bounds(
        slots=1, content_types=("audio",), max_input=Bytes(10**9), task_timeout=Seconds(HOUR)
    )
    foresight = Foresight(quiet, bounds, FakeNotebook(), world.clock)
    world.tools = replace(world.tools, foresight=foresight, quota_left=lambda: Bytes(5 * 10**6))
    async with watched(world) as seen:
        hurried = await seen.at(10.0)
    world.tools = replace(world.tools, foresight=None)
    async with watched(world) as seen:
        thrifty = await seen.at(20.0)

    assert hurried.why_idle == replace(
        ANY, local="quiet hours begin at 12:10: only what will be done by then is taken"
    )
    assert thrifty.why_idle == replace(ANY, local="the transfer quota leaves 5 MB for inputs")


async def test_a_box_that_failed_too_often_says_when_it_tries_again(world: World) -> None:
    world.set_policy(max_consecutive_failures=1)
    world.add(plan=Plan(fails=Failed(FailureCode.WORKER_CRASHED, "it crashed")))
    async with watched(world) as seen:
        now = await seen.at(20.0)

    assert now.why_idle is not None
    assert now.why_idle.local is not None
    assert "it crashed" in now.why_idle.local
    assert now.why_idle.change_in is not None
    assert now.ended == {"failed": 1}


async def test_a_job_at_work_is_told_and_nobody_is_idle(world: World) -> None:
    world.add(plan=HANGS)
    async with watched(world) as seen:
        now = await seen.at(20.0)

    (job,) = now.held
    assert now.why_idle is None
    assert (now.computing, now.taken) == (1, 1)
    assert (job.job_id, job.filename, job.stage) == ("j1", "j1.mp3", "processing")
    assert (job.held_for, job.in_stage_for) == (20.0, 20.0)
    assert job.lease_left is not None
    assert 0 < job.lease_left <= 90.0
    assert (job.moved, job.rate) == (None, None)


async def test_a_download_tells_its_bytes_and_its_rate(world: World) -> None:
    world.source.bytes_per_s, world.source.chunk = len(CONTENT) / 10.0, 10
    world.add()
    async with watched(world) as seen:
        now = await seen.at(5.0)

    (job,) = now.held
    assert job.stage == "downloading"
    assert job.moved is not None
    assert 0 < job.moved < len(CONTENT)
    assert job.to_move == len(CONTENT)
    assert job.rate == pytest.approx(len(CONTENT) / 10.0, rel=0.1)


async def test_a_delivery_waits_in_the_outbox(world: World) -> None:
    world.add(plan=Plan(takes=Seconds(5.0)))
    world.server.outages = [Spell(3.0, HOUR)]
    async with watched(world) as seen:
        now = await seen.at(60.0)

    (job,) = now.held
    assert (now.outbox, job.stage, job.moved) == (1, "uploading", 0)
    assert now.why_idle is not None


async def test_resume_ends_the_pause_and_says_when_there_was_none(world: World) -> None:
    async with watched(world) as seen:
        await seen.desk.do(AskPause())
        first = await seen.desk.do(AskResume())
        second = await seen.desk.do(AskResume())
        now = await seen.at(10.0)

    assert isinstance(first, Done)
    assert isinstance(second, Done)
    assert first.caveat is None
    assert second.caveat == "there was no pause of yours to end"
    assert now.why_idle == ANY


async def test_a_pause_that_a_restart_would_forget_says_so(world: World) -> None:
    async with watched(world) as seen:
        seen.note.is_full = True
        answer = await seen.desk.do(AskPause())

    assert isinstance(answer, Done)
    assert answer.caveat is not None
    assert answer.caveat.startswith("a restart would forget it: no space left")


async def test_a_moment_that_has_passed_is_refused(world: World) -> None:
    async with watched(world) as seen:
        answer = await seen.desk.do(AskPause(until=1000.0))

    assert answer == Refused(reason="that moment has passed")


async def test_drain_finishes_what_is_held(world: World) -> None:
    world.add(plan=Plan(takes=Seconds(30.0)))
    async with watched(world) as seen:
        await seen.at(10.0)
        answer = await seen.desk.do(AskDrain())
        now = await seen.at(60.0)

    assert isinstance(answer, Done)
    assert (answer.snapshot.mode, answer.snapshot.mode_reason) == (
        "draining",
        "drained by its owner",
    )
    assert now.ended == {"completed": 1}
    assert now.why_idle is not None
    assert now.why_idle.local == "it is coming to its end: drained by its owner"


async def test_a_gpu_tells_what_it_can(world: World) -> None:
    full = GpuState(
        index=3,
        uuid="GPU-3",
        name="RTX",
        memory=Bytes(10),
        used=Bytes(5),
        load=Load(compute=50),
        temperature_c=61,
        draw=Draw(watts=200.5),
    )
    silent = GpuState(index=4, uuid="GPU-4", name="MIG")

    async with watched(world, [full, silent]) as seen:
        now = await seen.at(1.0)

    assert now.gpus == (
        GpuLine(
            index=3,
            name="RTX",
            memory_used=Bytes(5),
            memory_total=Bytes(10),
            utilisation=50,
            temperature=61,
            power=200.5,
        ),
        GpuLine(index=4, name="MIG"),
    )
