import time

from agent.server.clock import ServerClock, in_words


def test_the_clock_starts_at_the_epochs_time_and_never_goes_back() -> None:
    clock = ServerClock()

    readings = [clock.now() for _ in range(100)]

    assert abs(readings[0] - time.time()) < 1.0
    assert readings == sorted(readings)


def test_moments_are_told_in_utc() -> None:
    assert in_words(1_800_000_000.5) == "2027-01-15T08:00:00.500+00:00"
