"""Whatever happens between a box and a MoRAG server: no job is lost, and none is ingested twice.

But for one thing that nobody on this side can mend: where the answer to a poll is lost, the server
has given the job to somebody who does not know of it.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from itertools import cycle
from pathlib import Path
from random import Random

import pytest

from agent.model.ids import Seconds
from tests.fakes.morag import (
    AnswerLost,
    Call,
    Cut,
    FailedAfter,
    Garbage,
    GaveUp,
    HungUp,
    Manners,
    Restart,
    Rule,
    Slow,
    StandIn,
    TurnedAway,
    Weather,
)
from tests.fakes.morag.weather import Fault
from tests.fakes.pool import Plan
from tests.morag.box import Box, text_of, until_over
from tests.morag.callers import stand_in_of

COUNT = 4
BEFORE: Sequence[Fault] = (
    HungUp(),
    TurnedAway(503),
    TurnedAway(502),
    TurnedAway(504),
    TurnedAway(429),
    Garbage(),
)
"""Met by anybody: the server has not seen the request."""
WITHIN: Sequence[Fault] = (
    *BEFORE,
    AnswerLost(),
    FailedAfter(500),
    FailedAfter(502),
    FailedAfter(504),
    GaveUp(30.0),
    GaveUp(0.0, 502),
    Garbage(is_processed=True),
    Slow(20.0),
    Slow(500.0),
    Restart(0.0),
    Restart(200.0),
)
"""Not met by a poll: its answer would be lost with them."""
CUTS = (Cut(0), Cut(1), Cut(1500))
MANNERS = (
    Manners(ingestion_s=5.0),
    Manners(ingestion_s=400.0, marks_first=False, ranges=False),
    Manners(ingestion_s=100.0, stands_still=True, ranges=False),
    Manners(ingestion_s=100.0, marks_first=False, stands_still=True, prefix="/morag"),
)
OF_RESULTS = [(fault, "result", manners) for fault in WITHIN for manners in MANNERS[:2]]
OTHERS = [
    *((fault, "status") for fault in WITHIN),
    *((fault, "download") for fault in [*WITHIN, *CUTS]),
    *((fault, "poll") for fault in BEFORE),
]
CASES = [
    *OF_RESULTS,
    *((*other, next(in_turn)) for in_turn in [cycle(MANNERS)] for other in OTHERS),
]


def named(value: object) -> str:
    match value:
        case Manners():
            loop = "still" if value.stands_still else "lively"
            marked = "marks first" if value.marks_first else "marks last"
            return f"{'ranges' if value.ranges else 'whole'}, {marked}, {loop}"
        case Garbage():
            return f"Garbage(is_processed={value.is_processed})"
        case _:
            return str(value)


def check(stand_in: StandIn) -> None:
    assert stand_in.books.lost() == []
    assert stand_in.books.ingested_twice() == []
    assert stand_in.books.failed() == []
    for number, job in enumerate(stand_in.jobs, start=1):
        assert job.result_data is not None
        assert job.result_data["content"] == text_of(number).decode()


@pytest.mark.parametrize(("fault", "call", "manners"), CASES, ids=named)
async def test_a_fault_that_comes_again_and_again_costs_no_job(
    tmp_path: Path, fault: Fault, call: Call, manners: Manners
) -> None:
    weather = Weather([Rule(fault, call, frozenset({1, 2, 4, 5, 6, 9, 11}))])
    stand_in = stand_in_of(manners=manners, weather=weather)
    box = Box(stand_in)
    for number in range(1, COUNT + 1):
        box.add(tmp_path, number)
    async with box.working():
        assert await until_over(stand_in)

    check(stand_in)
    assert weather.met


@pytest.mark.parametrize("manners", MANNERS, ids=named)
@pytest.mark.parametrize("lives", [(3.0,), (12.0,), (25.0,), (40.0, 5.0, 70.0), (1.0,) * 20])
async def test_a_process_that_is_killed_costs_no_job(
    tmp_path: Path, lives: Sequence[float], manners: Manners
) -> None:
    stand_in = stand_in_of(manners=manners)
    box = Box(stand_in)
    for number in range(1, COUNT + 1):
        box.add(tmp_path, number)
    for number, life in enumerate(lives):
        async with box.working():
            await asyncio.sleep(life)
        box = box.restarted(power_cut=number % 2 == 0)
        await asyncio.sleep(7.0)
    async with box.working():
        assert await until_over(stand_in)

    check(stand_in)


@pytest.mark.parametrize("seed", range(12))
async def test_in_any_weather_with_deaths_no_job_is_lost_or_ingested_twice(
    tmp_path: Path, seed: int
) -> None:
    rng = Random(seed)
    calls: Sequence[Call] = ("result", "status", "download")
    rules = [
        *(Rule(rng.choice([*WITHIN, *CUTS]), rng.choice(calls), chance=0.15) for _ in range(5)),
        *(Rule(rng.choice(BEFORE), "poll", chance=0.2) for _ in range(2)),
    ]
    stand_in = stand_in_of(manners=rng.choice(MANNERS), weather=Weather(rules, seed))
    box = Box(stand_in, rng=rng)
    for number in range(1, COUNT + 1):
        box.add(tmp_path, number, Plan(takes=Seconds(rng.uniform(1, 200))))
    for _ in range(rng.randrange(5)):
        async with box.working():
            await asyncio.sleep(rng.uniform(1, 300))
        box = box.restarted(power_cut=rng.random() < 0.5)
        await asyncio.sleep(rng.uniform(0, 100))
    stand_in.weather.rules = [replace(rule, chance=0.02) for rule in rules]
    async with box.working():
        assert await until_over(stand_in, 24 * 3600.0)

    check(stand_in)


async def test_a_job_whose_poll_is_not_heard_is_lost_by_the_server(tmp_path: Path) -> None:
    weather = Weather([Rule(AnswerLost(), "poll", frozenset({1}))])
    stand_in = stand_in_of(weather=weather)
    box = Box(stand_in)
    lost, found = (box.add(tmp_path, number) for number in (1, 2))
    async with box.working():
        assert not await until_over(stand_in)

    assert stand_in.books.lost() == [lost.id]
    assert found.status == "completed"


async def test_an_idle_box_stays_under_the_limits_that_morag_has_drafted() -> None:
    stand_in = stand_in_of()
    async with Box(stand_in).working():
        await asyncio.sleep(3 * 3600.0)

    assert stand_in.books.most_requests_within(60.0) <= 60
    assert stand_in.books.most_requests_within(3600.0) <= 1000
