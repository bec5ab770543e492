"""Hours of the week as the clock on the wall shows them, whatever the law does to that clock.

The law: what is open and when depends on the wall's reading alone. An hour that the clock skips is
over at once; one that it shows twice counts twice.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

DAY = 24 * 60
WEEK = 7 * DAY
WHOLE_WEEK = frozenset(range(WEEK))
"""Its minutes."""
MINUTE = timedelta(minutes=1)
LONGEST_LOOK = timedelta(days=9)
"""A week, and what a change of the clock may add to it."""


@dataclass(frozen=True, slots=True)
class Span:
    """Minutes from the midnight that begins `day` (Monday is 0); the end may lie past the next."""

    day: int
    begin: int
    end: int


@dataclass(frozen=True, slots=True)
class WeeklyHours:
    spans: tuple[Span, ...]

    @property
    def minutes(self) -> frozenset[int]:
        """Those of the week in which it is open; the first one is Monday's."""
        return frozenset(
            minute % WEEK for begin, end in _covered(self.spans) for minute in range(begin, end)
        )

    def is_open(self, wall: datetime) -> bool:
        minute = _minute_of_week(wall)
        return any(begin <= minute < end for begin, end in _covered(self.spans))

    def next_change(self, wall: datetime) -> datetime | None:
        """When it opens, if it is closed, or closes; None: never."""
        was_open, at = self.is_open(wall), wall
        while at.timestamp() - wall.timestamp() < LONGEST_LOOK.total_seconds():
            step = self._to_next_edge(at)
            if step is None:
                return None
            then = later(at, step)
            if then.utcoffset() != at.utcoffset():
                then = _clock_change(at, then)
            if self.is_open(then) != was_open:
                return then
            at = then
        return None

    def _to_next_edge(self, wall: datetime) -> timedelta | None:
        """As long as the clock is not changed; edges may also be where nothing opens or closes."""
        edges = {edge % WEEK for interval in _covered(self.spans) for edge in interval}
        if not edges:
            return None
        minute = _minute_of_week(wall)
        minutes = min((edge - minute - 1) % WEEK + 1 for edge in edges)
        return minutes * MINUTE - timedelta(seconds=wall.second, microseconds=wall.microsecond)


def later(wall: datetime, step: timedelta) -> datetime:
    """What the wall will show when `step` has really passed."""
    return (wall.astimezone(UTC) + step).astimezone(wall.tzinfo)


def _covered(spans: Iterable[Span]) -> list[tuple[int, int]]:
    """Minutes of one week; what goes past Sunday comes in again on Monday."""
    whole = [(span.day * DAY + span.begin, span.day * DAY + span.end) for span in spans]
    return whole + [(begin - WEEK, end - WEEK) for begin, end in whole if end > WEEK]


def _minute_of_week(wall: datetime) -> int:
    return wall.weekday() * DAY + wall.hour * 60 + wall.minute


def _clock_change(before: datetime, after: datetime) -> datetime:
    """The first minute in which the clock goes as it does in `after`."""
    low, high = 0, round((after.timestamp() - before.timestamp()) / 60)
    start = before.replace(second=0, microsecond=0)
    while high - low > 1:
        middle = (low + high) // 2
        is_after = later(start, middle * MINUTE).utcoffset() != before.utcoffset()
        low, high = (low, middle) if is_after else (middle, high)
    return later(start, high * MINUTE)
