from dataclasses import replace

import pytest

from agent.config.hours import weekly_hours
from agent.core.forecast import Doable
from agent.core.schedule import Schedule
from agent.core.verdict import Release
from agent.model.ids import Bytes, Instant, LeaseId, Seconds
from agent.model.lease import Offer
from agent.runtime.foresight import Bounds, Foresight
from tests.fakes.notebook import FakeNotebook
from tests.fakes.pool import Plan
from tests.fakes.server import FakeServer
from tests.runtime.world import World, offer_of, working
from tests.virtual_time import LoopClock

MB = 10**6
MINUTE, HOUR = 60.0, 3600.0
SPENT = {"download_s": 1.0, "process_s": 100.0}
"""Of each job before; quiet hours begin at 13:00, an hour after the start of virtual time."""
BOUNDS = Bounds(
    slots=1,
    content_types=("audio", "text"),
    max_input=Bytes(10**10),
    task_timeout=Seconds(2 * HOUR),
)


def foresight(
    clock: LoopClock, quiet: str = "13:00-15:00", notebook: FakeNotebook | None = None
) -> Foresight:
    schedule = Schedule(quiet=weekly_hours(quiet))
    return Foresight(schedule, BOUNDS, notebook or FakeNotebook(), clock)


async def experienced(
    clock: LoopClock, quiet: str = "13:00-15:00", notebook: FakeNotebook | None = None
) -> Foresight:
    """Audio of 1 MB took 100 s, three times."""
    found = foresight(clock, quiet, notebook)
    for _ in range(3):
        await found.note(audio(MB), MB, SPENT)
    return found


def not_yet() -> Seconds:
    return Seconds(0.0)


def audio(size: int, lease: str = "lease-1") -> Offer:
    offer = offer_of()
    return replace(
        offer,
        lease_id=LeaseId(lease),
        input=replace(offer.input, size=Bytes(size)),
    )


async def test_without_quiet_hours_everything_is_asked_for(clock: LoopClock) -> None:
    plain = foresight(clock, quiet="")

    assert plain.doable() is None
    assert plain.judge(audio(10**10)) is None


async def test_days_before_quiet_hours_everything_is_asked_for(clock: LoopClock) -> None:
    weekend = foresight(clock, quiet="sat,sun all day")

    assert weekend.doable() is None


async def test_an_hour_before_only_what_takes_less_is_asked_for(clock: LoopClock) -> None:
    known = await experienced(clock)

    found = known.doable()

    assert found is not None
    assert found.content_types == ("audio", "text")
    assert found.max_input < 10**10


async def test_a_moment_before_nothing_is_asked_for_and_it_says_why(clock: LoopClock) -> None:
    known = await experienced(clock)
    await clock.sleep_until(Instant(HOUR - 1))

    assert known.doable() == Doable(Bytes(0), ())
    assert known.why() == "quiet hours begin at 13:00: no job would be done by then"


async def test_an_owner_who_allows_more_or_less_is_heeded(clock: LoopClock) -> None:
    weekend = foresight(clock, quiet="sat,sun all day")
    known = await experienced(clock)

    weekend.adopt(replace(BOUNDS, max_input=Bytes(10**11)))
    known.adopt(replace(BOUNDS, max_input=Bytes(MB), task_timeout=Seconds(MINUTE)))

    assert weekend.doable() is None
    assert known.doable() is None
    assert known.judge(audio(10 * MB)) is None


async def test_what_was_seen_last_counts_from_then_on(clock: LoopClock) -> None:
    known = await experienced(clock)
    assert known.judge(audio(10 * MB)) is None

    for _ in range(30):
        await known.note(audio(MB), MB, {"download_s": 1.0, "process_s": HOUR})

    assert known.judge(audio(10 * MB)) is not None


async def test_an_offer_that_would_not_be_done_goes_back_until_they_end(clock: LoopClock) -> None:
    known = await experienced(clock)

    assert known.judge(audio(10 * MB)) is None
    assert known.judge(audio(100 * MB)) == Release(
        "quiet hours begin at 13:00", retry_after=Seconds(3 * HOUR)
    )


async def test_what_is_held_already_comes_first(clock: LoopClock) -> None:
    known = await experienced(clock)
    twenty_minutes = audio(10 * MB, "held")
    known.hold(twenty_minutes, not_yet)

    assert known.judge(audio(10 * MB)) is None
    known.hold(audio(10 * MB, "held too"), not_yet)
    assert known.judge(audio(20 * MB)) is not None
    known.forget(twenty_minutes)
    known.forget(audio(10 * MB, "held too"))
    assert known.judge(audio(20 * MB)) is None


async def test_a_job_that_computes_is_waited_for_less_and_less(clock: LoopClock) -> None:
    known = await experienced(clock, quiet="12:45-15:00")
    held, other = audio(10 * MB, "held"), audio(10 * MB)
    computed = [Seconds(0.0)]
    known.hold(held, lambda: computed[-1])
    assert known.judge(other) is None
    await clock.sleep_until(Instant(1000))

    assert known.judge(other) is not None  # It has waited, or paused, all the time.
    computed.append(Seconds(1000.0))
    assert known.judge(other) is None
    await clock.sleep_until(Instant(1400))
    assert known.judge(other) is not None
    known.forget(held)
    assert known.judge(other) is None


async def test_a_job_that_has_computed_for_long_is_soon_done(clock: LoopClock) -> None:
    known = await experienced(clock, quiet="12:45-15:00")
    held, other = audio(10 * MB, "held"), audio(10 * MB)
    known.hold(held, lambda: Seconds(1000.0))
    await clock.sleep_until(Instant(1000))

    assert known.judge(other) is None


async def test_what_was_learned_outlasts_a_restart(clock: LoopClock) -> None:
    notebook = FakeNotebook()
    await experienced(clock, notebook=notebook)

    next_start = foresight(clock, notebook=notebook)
    await next_start.load()

    assert next_start.judge(audio(20 * MB)) is None
    assert next_start.judge(audio(100 * MB)) is not None


@pytest.mark.parametrize("note", [{"audio": 7}, {"audio": [[1], ["a", 2], [0, 1], None]}])
async def test_a_strange_note_teaches_nothing(clock: LoopClock, note: dict[str, object]) -> None:
    known = foresight(clock, notebook=FakeNotebook(dict(note)))  # type: ignore[arg-type]
    await known.load()

    assert known.doable() == foresight(clock).doable()


async def test_a_full_disk_does_not_keep_it_from_learning(clock: LoopClock) -> None:
    known = await experienced(clock, notebook=FakeNotebook(is_full=True))

    assert known.judge(audio(10 * MB)) is None


async def test_the_agent_does_not_ask_for_what_it_cannot_do_in_time(clock: LoopClock) -> None:
    world = World(clock, FakeServer(clock))
    world.tools = replace(world.tools, foresight=foresight(clock, quiet="12:01-15:00"))
    job = world.add(plan=Plan(takes=Seconds(10.0)))

    async with working(world):
        await world.sleep_until(50)

    assert job.said == []
    assert job.accepted is None
    assert world.server.asks
    assert world.pool.tasks == []


async def test_the_agent_hands_back_what_it_cannot_do_in_time(clock: LoopClock) -> None:
    notebook = FakeNotebook({"audio": [[100, 500.0]] * 5, "text": [[1400, 1.0]] * 5})
    known = foresight(clock, quiet="12:30-15:00", notebook=notebook)
    await known.load()
    world = World(clock, FakeServer(clock))
    world.tools = replace(world.tools, foresight=known)
    job = world.add(plan=Plan(takes=Seconds(10.0)))

    async with working(world):
        await world.sleep_until(50)

    assert job.said == ["quiet hours begin at 12:30"]
    assert job.accepted is None
    assert world.pool.tasks == []


async def test_the_agent_learns_from_what_it_computes(clock: LoopClock) -> None:
    notebook = FakeNotebook()
    world = World(clock, FakeServer(clock))
    world.tools = replace(world.tools, foresight=foresight(clock, notebook=notebook))
    world.add(plan=Plan(takes=Seconds(10.0)))

    async with working(world):
        await world.sleep_until(50)

    assert notebook.note["audio"] == [[len(b"a recording, ") * 100, 10.0]]
