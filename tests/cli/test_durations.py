import argparse
import time as clock
from collections.abc import Iterator
from datetime import UTC, datetime, time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.cli.durations import at_time, in_time, moment, next_time, span

BERLIN = "CET-1CEST,M3.5.0,M10.5.0/3"


@pytest.fixture
def _in_berlin(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with monkeypatch.context() as there:
        there.setenv("TZ", BERLIN)
        clock.tzset()
        yield
    clock.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("2h", 7200), ("30m", 1800), ("1h30m", 5400), ("1.5h", 5400), ("1d 2h", 93600), ("90s", 90)],
)
def test_a_span_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert span(text) == seconds


@pytest.mark.parametrize("text", ["", "2", "h", "2x", "-2h", "2h x", "0m", "400d", "1h,30m"])
def test_what_is_no_span_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="such as 2h, 30m or 1h30m"):
        span(text)


@pytest.mark.parametrize("text", ["", "25:00", "soon", "18"])
def test_what_is_no_moment_is_refused_with_an_example(text: str) -> None:
    if text == "18":
        assert moment(text) == time(18)  # as ISO 8601 has it
        return
    with pytest.raises(argparse.ArgumentTypeError, match=r"such as 18:00"):
        moment(text)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [("18:00", "2026-03-28T18:00"), ("09:30", "2026-03-29T09:30"), ("12:00", "2026-03-29T12:00")],
)
@pytest.mark.usefixtures("_in_berlin")
def test_a_bare_time_is_the_next_one(wanted: str, expected: str) -> None:
    now = datetime(2026, 3, 28, 11, 0, tzinfo=UTC)  # noon there; the clocks go forward at night

    then = next_time(moment(wanted), now.timestamp())

    assert datetime.fromtimestamp(then, UTC).astimezone().strftime("%Y-%m-%dT%H:%M") == expected


def test_a_day_with_its_time_is_that_moment() -> None:
    wanted = moment("2026-05-01T08:00+00:00")

    assert next_time(wanted, 0.0) == datetime(2026, 5, 1, 8, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-5, "0 s"),
        (0.4, "0 s"),
        (59.4, "59 s"),
        (59.6, "1 min"),
        (89, "1 min"),
        (3599, "1 h"),
        (7199.8, "2 h"),
        (11_520, "3 h 12 min"),
        (86_399, "1 d"),
        (190_000, "2 d 5 h"),
    ],
)
def test_a_span_is_told_in_two_words_at_most(seconds: float, words: str) -> None:
    assert in_time(seconds) == words


@given(st.floats(0, 1e7))
def test_what_is_told_is_near_the_truth(seconds: float) -> None:
    told = span(in_time(seconds)) if in_time(seconds) != "0 s" else 0.0

    assert told == pytest.approx(seconds, rel=0.5, abs=0.5)


def test_another_day_is_named() -> None:
    now = datetime(2026, 1, 1, 12, tzinfo=UTC).timestamp()

    assert at_time(now + 3600, now, UTC) == "13:00"
    assert at_time(now + 86_400, now, UTC) == "2026-01-02 12:00"
