"""The central theorem, on the real loops: no job is lost, and no job counts twice."""

import asyncio
from dataclasses import dataclass, replace
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from agent.model.ids import Seconds
from tests.fakes.ledger import Spell
from tests.fakes.pool import Plan
from tests.fakes.server import FakeServer
from tests.fakes.spool import FakeSpool
from tests.runtime.world import HOUR, POLICY, World
from tests.virtual_time import LoopClock, VirtualTimeLoop

TROUBLE_ENDS = 1500.0
CALLS = ("hello", "poll", "renew", "upload", "complete", "fail", "release", "sign_off")
AGENTS = ("attic", "cellar")


@dataclass(frozen=True)
class Death:
    """After so many seconds of life, and for how many there is none; the spool stays."""

    after: int
    away: int
    is_power_cut: bool


@dataclass(frozen=True)
class Story:
    """What happens to two agents and one server; at `TROUBLE_ENDS` everything is well again."""

    durations: list[int]
    slots: int
    outages: list[Spell]
    hangs: list[Spell]
    lost_answers: dict[str, int]
    cellar_from: int
    attic_deaths: list[Death]
    seed: int


def spells() -> st.SearchStrategy[list[Spell]]:
    spell = st.builds(
        lambda start, length, calls, agent: Spell(
            float(start), min(TROUBLE_ENDS, float(start + length)), calls, agent
        ),
        start=st.integers(0, 900),
        length=st.integers(1, 600),
        calls=st.sampled_from([frozenset[str](), *(frozenset({call}) for call in CALLS)]),
        agent=st.sampled_from(["", *AGENTS]),
    )
    return st.lists(spell, max_size=4)


STORIES = st.builds(
    Story,
    durations=st.lists(st.integers(1, 400), min_size=1, max_size=4),
    slots=st.integers(1, 2),
    outages=spells(),
    hangs=spells(),
    lost_answers=st.dictionaries(st.sampled_from(CALLS), st.integers(1, 3), max_size=3),
    cellar_from=st.integers(0, 600),
    attic_deaths=st.lists(
        st.builds(Death, st.integers(1, 400), st.integers(0, 200), st.booleans()), max_size=3
    ),
    seed=st.integers(0, 1000),
)


@given(STORIES)
@settings(max_examples=50, deadline=None)
def test_no_job_is_lost_and_one_result_counts_that_of_the_last_lease(story: Story) -> None:
    with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
        server, completed = runner.run(_tell(story))

    for job in server.jobs.values():
        assert job.state == "completed"
        assert [lease_id for lease_id, _ in job.results] == job.accepted_leases[-1:]
        assert job.files == {"result.md": _result(job.offer.job_id)}
    accepted = {lease_id for job in server.jobs.values() for lease_id, _ in job.results}
    # An agent may die before it hears of its success, but it never imagines one.
    assert completed <= accepted


async def _tell(story: Story) -> tuple[FakeServer, set[str]]:
    clock = LoopClock()
    server = FakeServer(
        clock, outages=story.outages, hangs=story.hangs, lose_answers=dict(story.lost_answers)
    )
    attic, cellar = (_world(server, name, story) for name in AGENTS)
    for number, takes in enumerate(story.durations):
        name = f"j{number}"
        for world in (attic, cellar):
            plan = Plan(takes=Seconds(float(takes)), results={"result.md": _result(name)})
            world.add(name, plan=plan)
    with capture_logs(processors=[merge_contextvars]) as lines:
        async with asyncio.TaskGroup() as scope:
            scope.create_task(_live_again(attic, story.attic_deaths))
            scope.create_task(_live(cellar, since=story.cellar_from))
    ended = [line for line in lines if line["event"] == "job.ended"]
    return server, {line["lease_id"] for line in ended if line["ending"] == "completed"}


def _world(server: FakeServer, name: str, story: Story) -> World:
    return World(
        LoopClock(),
        server,
        policy=replace(POLICY, slots=story.slots),
        agent_id=name,
        boot=f"{name}-1",
        spool=FakeSpool(),
        rng=Random(f"{name}{story.seed}"),
    )


async def _live_again(world: World, deaths: list[Death]) -> None:
    """A life for each death, and one that lasts."""
    for death in deaths:
        now = world.clock.now()
        await _live(world, until=now + death.after)
        await world.sleep_until(world.clock.now() + death.away)
        world = world.restarted(power_cut=death.is_power_cut)
    await _live(world)


async def _live(
    world: World, *, since: float = 0.0, until: float = TROUBLE_ENDS + 2 * HOUR
) -> None:
    await world.sleep_until(since)
    running = asyncio.create_task(world.agent().run())
    while world.clock.now() < until:
        await world.sleep_until(min(until, world.clock.now() + 10.0))
        if all(job.is_over for job in world.server.jobs.values()):
            break
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()


def _result(name: str) -> bytes:
    return f"# {name}\n".encode()
