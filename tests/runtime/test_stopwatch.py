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
