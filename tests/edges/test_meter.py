from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.edges.meter import Cost, Meter
from agent.model.ids import JobId, Seconds

J1, J2 = JobId("j1"), JobId("j2")
UUIDS = ("GPU-aa", "GPU-bb")


@dataclass
class Box:
    """Two cards and a clock."""

    now: float = 1000.0
    drawn: dict[str, float] | None = field(default_factory=lambda: dict.fromkeys(UUIDS, 500.0))

    def meter(self) -> Meter:
        return Meter(self.energy, dict(enumerate(UUIDS)), lambda: self.now)

    def energy(self) -> Mapping[str, float] | None:
        return None if self.drawn is None else dict(self.drawn)

    def go_on(self, seconds: float, watts: float, *uuids: str) -> None:
        self.now += seconds
        for uuid in uuids if self.drawn is not None else ():
            assert self.drawn is not None
            self.drawn[uuid] += seconds * watts


@pytest.mark.parametrize("device", ["1", "GPU-bb", "GPU-b"])
def test_a_job_costs_the_time_and_energy_of_its_card(device: str) -> None:
    box = Box()
    meter = box.meter()
    box.go_on(50, 300, *UUIDS)

    with meter.computing(J1, device):
        box.go_on(10, 300, "GPU-bb")
        box.go_on(0, 0, "GPU-aa")

    assert meter.take(J1) == Cost(Seconds(10.0), 3000.0)
    assert meter.seconds == {"GPU-bb": 10.0}
    assert meter.joules == {"GPU-bb": 3000.0}


def test_a_job_that_waits_costs_nothing() -> None:
    box = Box()
    meter = box.meter()

    with meter.computing(J1, "1") as tell_waiting:
        box.go_on(10, 300, "GPU-bb")
        tell_waiting(True)
        box.go_on(3600, 400, "GPU-bb")
        tell_waiting(True)
        box.go_on(60, 400, "GPU-bb")
        tell_waiting(False)
        tell_waiting(False)
        box.go_on(5, 300, "GPU-bb")
        tell_waiting(True)
    box.go_on(60, 400, "GPU-bb")

    assert meter.take(J1) == Cost(Seconds(15.0), 4500.0)
    assert meter.joules == {"GPU-bb": 4500.0}


def test_a_job_on_the_processor_has_no_meter() -> None:
    box = Box()
    meter = box.meter()

    with meter.computing(J1, None):
        box.go_on(10, 300, *UUIDS)

    assert meter.take(J1) == Cost(Seconds(0.0), None)


def test_jobs_on_one_card_share_what_it_draws_while_both_compute() -> None:
    box = Box()
    meter = box.meter()

    with meter.computing(J1, "0"):
        box.go_on(10, 100, "GPU-aa")
        with meter.computing(J2, "0"):
            box.go_on(10, 200, "GPU-aa")
        box.go_on(5, 100, "GPU-aa")

    assert meter.take(J1) == Cost(Seconds(25.0), 1000.0 + 1000.0 + 500.0)
    assert meter.take(J2) == Cost(Seconds(10.0), 1000.0)
    assert meter.joules == {"GPU-aa": 3500.0}


def test_what_is_taken_in_the_middle_is_not_told_again() -> None:
    box = Box()
    meter = box.meter()

    with meter.computing(J1, "0"):
        box.go_on(10, 100, "GPU-aa")
        first = meter.take(J1)
        box.go_on(1, 100, "GPU-aa")

    assert first == Cost(Seconds(10.0), 1000.0)
    assert meter.take(J1) == Cost(Seconds(1.0), 100.0)


def test_a_card_that_does_not_count_costs_time_alone() -> None:
    box = Box(drawn=None)
    meter = box.meter()

    with meter.computing(J1, "0"):
        box.go_on(10, 100)

    assert meter.take(J1) == Cost(Seconds(10.0), None)


def test_a_driver_that_is_loaded_again_gives_no_energy_back() -> None:
    box = Box()
    meter = box.meter()

    with meter.computing(J1, "0"):
        box.go_on(10, 100, "GPU-aa")
        box.drawn = dict.fromkeys(UUIDS, 0.0)

    assert meter.take(J1) == Cost(Seconds(10.0), 0.0)


def test_a_driver_that_went_away_leaves_the_time() -> None:
    box = Box()
    meter = box.meter()

    with meter.computing(J1, "7"):
        box.drawn = None
        box.go_on(10, 100)

    assert meter.take(J1) == Cost(Seconds(10.0), None)
    assert meter.seconds == {"7": 10.0}


def test_a_computation_that_breaks_is_counted_until_there() -> None:
    box = Box()
    meter = box.meter()

    def breaks() -> None:
        with meter.computing(J1, "0"):
            box.go_on(3, 100, "GPU-aa")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        breaks()

    assert meter.take(J1).seconds == 3.0


@given(st.lists(st.tuples(st.sampled_from([J1, J2]), st.floats(0, 1e4), st.floats(0, 500))))
def test_the_jobs_of_a_card_cost_together_what_it_drew_while_they_computed(
    steps: list[tuple[JobId, float, float]],
) -> None:
    box = Box()
    meter = box.meter()
    running: dict[JobId, AbstractContextManager[Callable[[bool], None]]] = {}

    for job_id, seconds, watts in steps:
        if job_id in running:
            running.pop(job_id).__exit__(None, None, None)
        else:
            running[job_id] = meter.computing(job_id, "0")
            running[job_id].__enter__()
        box.go_on(seconds, watts, "GPU-aa")
    for one in running.values():
        one.__exit__(None, None, None)

    told = [meter.take(job_id).joules or 0.0 for job_id in (J1, J2)]
    assert sum(told) == pytest.approx(meter.joules.get("GPU-aa", 0.0))
