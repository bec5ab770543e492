"""What may still be transferred today and this month, by the calendar on the owner's wall."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta

from agent.model.ids import Bytes

UNITS = ((10**12, "TB"), (10**9, "GB"), (10**6, "MB"), (10**3, "KB"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quota:
    """Most bytes of one period; None: no limit."""

    both: Bytes | None = None
    """Down and up together."""
    down: Bytes | None = None
    up: Bytes | None = None


@dataclass(frozen=True, slots=True)
class Moved:
    down: int = 0
    up: int = 0

    def plus(self, down: int, up: int) -> "Moved":
        return Moved(self.down + down, self.up + up)


@dataclass(frozen=True, slots=True)
class Tally:
    """What was transferred on `day` and since the first of its month."""

    day: date
    today: Moved = Moved()
    month: Moved = Moved()

    def on(self, day: date) -> "Tally":
        """The same when it is `day`: counting begins anew with a later day or month.

        A clock that was set back begins nothing anew: what was counted goes on being counted.
        """
        if day <= self.day:
            return replace(self, day=day)
        is_same_month = (day.year, day.month) == (self.day.year, self.day.month)
        return Tally(day, month=self.month if is_same_month else Moved())

    def plus(self, down: int, up: int) -> "Tally":
        return replace(self, today=self.today.plus(down, up), month=self.month.plus(down, up))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    daily: Quota = Quota()
    monthly: Quota = Quota()

    def left_down(self, tally: Tally) -> Bytes | None:
        """What an input may still bring; None: there is no limit."""
        left = [
            limit - moved
            for limit, moved, _ in _lines(self, tally, with_up=False)
            if limit is not None
        ]
        return Bytes(max(0, min(left))) if left else None

    def used_up(self, tally: Tally) -> str | None:
        """Which one is, in words."""
        spent = (
            f"{what} of {_in_words(limit)} is used up"
            for limit, moved, what in _lines(self, tally, with_up=True)
            if limit is not None and moved >= limit
        )
        return next(spent, None)

    def renewed(self, tally: Tally, wall: datetime) -> datetime:
        """When what is used up begins anew."""
        is_monthly = replace(self, daily=Quota()).used_up(tally) is not None
        day = first_of_next_month(wall.date()) if is_monthly else wall.date() + timedelta(days=1)
        return datetime.combine(day, time(), wall.tzinfo)


def first_of_next_month(day: date) -> date:
    return (day.replace(day=1) + timedelta(days=32)).replace(day=1)


def _lines(
    quotas: Quotas, tally: Tally, *, with_up: bool
) -> Iterator[tuple[Bytes | None, int, str]]:
    for quota, moved, name in (
        (quotas.monthly, tally.month, "monthly"),
        (quotas.daily, tally.today, "daily"),
    ):
        yield quota.both, moved.down + moved.up, f"the {name} transfer quota"
        yield quota.down, moved.down, f"the {name} download quota"
        if with_up:
            yield quota.up, moved.up, f"the {name} upload quota"


def _in_words(size: int) -> str:
    unit, name = next(((unit, name) for unit, name in UNITS if size >= unit), (1, "bytes"))
    return f"{size / unit:g} {name}"
