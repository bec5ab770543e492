from agent.core.job_life import Phase
from agent.model.ids import Instant
from agent.runtime.stopwatch import Stopwatch


class Hands:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> Instant:
        return Instant(self.at)


def test_each_phase_is_booked_under_its_own_name() -> None:
    now = Hands()
    watch = Stopwatch(now, Phase.FETCHING)

    now.at = 3.0
    watch.enter(Phase.WAITING)
    now.at = 4.0
    watch.enter(Phase.PROCESSING)
    now.at = 64.0
    watch.enter(Phase.DELIVERING)
    now.at = 66.5

    assert watch.read() == {
        "download_s": 3.0,
        "queued_s": 1.0,
        "process_s": 60.0,
        "upload_s": 2.5,
    }


def test_reading_twice_books_nothing_twice() -> None:
    now = Hands()
    watch = Stopwatch(now, Phase.FETCHING)
    now.at = 3.0

    watch.read()

    assert watch.read()["download_s"] == 3.0


def test_what_comes_after_the_end_is_booked_nowhere() -> None:
    now = Hands()
    watch = Stopwatch(now, Phase.FETCHING)
    now.at = 3.0
    watch.enter(Phase.OVER)
    now.at = 100.0

    assert sum(watch.read().values()) == 3.0


def test_a_pause_is_no_part_of_its_phase() -> None:
    now = Hands()
    watch = Stopwatch(now, Phase.PROCESSING)
    now.at = 60.0
    watch.on_paused()
    now.at = 3660.0
    assert (watch.is_paused, watch.computed) == (True, 60.0)

    watch.on_went_on()
    now.at = 3670.0

    assert (watch.is_paused, watch.computed) == (False, 70.0)
    assert watch.read() == {
        "download_s": 0.0,
        "queued_s": 0.0,
        "process_s": 70.0,
        "upload_s": 0.0,
        "paused_s": 3600.0,
    }


def test_the_next_phase_ends_a_pause() -> None:
    now = Hands()
    watch = Stopwatch(now, Phase.PROCESSING)
    watch.on_paused()
    watch.enter(Phase.DELIVERING)
    now.at = 2.0

    assert not watch.is_paused
    assert watch.read()["upload_s"] == 2.0
