"""What every watch must do: answer in time, and tell trouble instead of failing."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from agent.edges.watch import BoxWatch
from agent.model.gpu_state import Look, Trouble
from agent.model.ids import Seconds
from agent.ports import Watch
from tests.core.looks import gpu, look
from tests.fakes.boxes import box
from tests.fakes.nvml import Card, FakeNvml, NVMLError_GpuIsLost, Process, seen_by
from tests.fakes.watch import FakeWatch
from tests.virtual_time import LoopClock

pytestmark = pytest.mark.real_time

SOON = Seconds(0.2)


@dataclass(frozen=True)
class Sight:
    has_gpu: bool = True
    hangs: bool = False


Make = Callable[[Sight, Path], Watch]


def fake(sight: Sight, _root: Path) -> Watch:
    class Soon(LoopClock):
        async def sleep_until(self, when: float) -> None:
            await super().sleep_until(min(when, self.now() + SOON))  # type: ignore[arg-type]

    looks: dict[float, Look] = {0.0: look(gpu())} if sight.has_gpu else {}
    return FakeWatch(Soon(), looks, hangs=sight.hangs)


def real(sight: Sight, root: Path) -> Watch:
    def hang() -> None:
        if sight.hangs:
            Event().wait(timeout=30.0)

    library = FakeNvml([Card()] if sight.has_gpu else [], asked=hang)
    return BoxWatch(seen_by(library), surroundings=box(root), patience=SOON)


@pytest.fixture(params=[fake, real])
def make(request: pytest.FixtureRequest) -> Make:
    chosen: Make = request.param
    return chosen


async def test_a_gpu_is_seen(make: Make, tmp_path: Path) -> None:
    seen = await make(Sight(), tmp_path).look()

    assert len(seen.sight.gpus) == 1
    assert seen.sight.missing == ()


async def test_a_box_without_a_gpu_says_why(make: Make, tmp_path: Path) -> None:
    seen = await make(Sight(has_gpu=False), tmp_path).look()

    assert seen.sight.gpus == ()
    assert seen.sight.missing[0].why
    assert not seen.is_blind


async def test_a_driver_that_hangs_is_told_in_time_again_and_again(
    make: Make, tmp_path: Path
) -> None:
    watch = make(Sight(hangs=True), tmp_path)

    async with asyncio.timeout(10 * SOON):
        looks = [await watch.look() for _ in range(3)]

    assert all(one.is_blind for one in looks)
    assert looks[0].sight.missing[0].trouble is Trouble.SILENT


async def test_looks_do_not_change_what_they_see(make: Make, tmp_path: Path) -> None:
    watch = make(Sight(), tmp_path)

    first, second = await watch.look(), await watch.look()

    assert first.sight.gpus[0].uuid == second.sight.gpus[0].uuid


async def test_the_box_itself_lists_its_own_processes_and_the_programs(tmp_path: Path) -> None:
    import os

    library = FakeNvml([Card(processes=(Process(os.getpid()), Process(1)))])
    watch = BoxWatch(seen_by(library), surroundings=box(tmp_path), wants_programs=True)

    seen = await watch.look()

    assert seen.own_pids == {os.getpid()}
    assert seen.are_pids_ours_to_read
    assert any(name.startswith("python") or "pytest" in name for name in seen.programs)


async def test_in_a_container_no_number_is_read_as_ours(tmp_path: Path) -> None:
    import os

    library = FakeNvml([Card(processes=(Process(os.getpid()),))])
    inside = box(tmp_path, pids="pid:[4026532201]")

    seen = await BoxWatch(seen_by(library), surroundings=inside).look()

    assert seen.own_pids == frozenset()
    assert not seen.are_pids_ours_to_read


async def test_a_gpu_that_is_switched_off_is_not_looked_for() -> None:
    seen = await BoxWatch(None).look()

    assert seen.sight.missing[0].trouble is Trouble.SWITCHED_OFF


async def test_after_a_hang_it_looks_again(tmp_path: Path) -> None:
    go_on = Event()
    library = FakeNvml([Card()], asked=lambda: (go_on.wait(timeout=30.0), None)[1])
    watch = BoxWatch(seen_by(library), surroundings=box(tmp_path), patience=SOON)
    blind = await watch.look()

    go_on.set()
    seen = await watch.look()

    assert blind.is_blind
    assert len(seen.sight.gpus) == 1


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_look_that_breaks_off_is_told_and_repeated(tmp_path: Path) -> None:
    def break_off() -> None:
        raise ZeroDivisionError

    library = FakeNvml([Card()], asked=break_off)
    watch = BoxWatch(seen_by(library), surroundings=box(tmp_path))

    others = set(enumerate_threads())
    broken = await watch.look()
    for thread in set(enumerate_threads()) - others:  # it complains after it has answered
        thread.join(timeout=5.0)
    library.asked = lambda: None
    seen = await watch.look()

    assert broken.is_blind
    assert "broke off" in broken.sight.missing[0].why
    assert len(seen.sight.gpus) == 1


async def test_a_lost_gpu_is_told(tmp_path: Path) -> None:
    library = FakeNvml([Card(lost=NVMLError_GpuIsLost)])

    seen = await BoxWatch(seen_by(library), surroundings=box(tmp_path)).look()

    assert seen.sight.missing[0].trouble is Trouble.LOST
