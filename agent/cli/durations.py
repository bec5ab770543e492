"""How people write and read spans of time and moments."""

import argparse
import re
from contextlib import suppress
from datetime import datetime, time, timedelta, tzinfo

from agent.model.control import LONGEST_PAUSE
from agent.model.ids import Seconds

_UNITS = {"d": 86400, "h": 3600, "m": 60, "min": 60, "s": 1}
_PART = re.compile(r"(\d+(?:\.\d+)?)\s*(d|h|min|m|s)\s*")
MINUTE, HOUR, DAY = 60, 3600, 86400


def span(text: str) -> Seconds:
    """`2h`, `30m`, `1h30m`, `1.5h`, for argparse."""
    parts = list(_PART.finditer(text.strip()))
    is_whole = "".join(part[0] for part in parts) == text.strip()
    seconds = sum(float(part[1]) * _UNITS[part[2]] for part in parts)
    if not parts or not is_whole or not 0 < seconds <= LONGEST_PAUSE:
        raise argparse.ArgumentTypeError(
            f"{text!r} is wrong: it must be a time such as 2h, 30m or 1h30m, at most a year"
        )
    return Seconds(seconds)


def moment(text: str) -> datetime | time:
    """`18:00`, or a day with its time (2026-05-01T08:00), by the local clock, for argparse."""
    for read in (time.fromisoformat, datetime.fromisoformat):
        with suppress(ValueError):
            return read(text)
    raise argparse.ArgumentTypeError(
        f"{text!r} is wrong: it must be a time such as 18:00 or 2026-05-01T08:00"
    )


def next_time(wanted: datetime | time, wall: float, zone: tzinfo | None = None) -> float:
    """Seconds since 1970 of that moment; a bare time is that of today, or else of tomorrow.

    `wall` is now; `zone`: None is the local one.
    """
    if isinstance(wanted, datetime):
        return wanted.timestamp()
    # Without an offset of its own: that of tomorrow may be another one.
    today = datetime.combine(datetime.fromtimestamp(wall, zone).date(), wanted, zone)
    return next(then for days in (0, 1, 2) if (then := _later(today, days)) > wall)


def _later(today: datetime, days: int) -> float:
    return (today + timedelta(days=days)).timestamp()


def in_time(seconds: float) -> str:
    """`45 s`, `12 min`, `3 h 12 min`, `2 d 4 h`."""
    whole = round(max(0.0, seconds))
    minutes = round(whole / MINUTE) * MINUTE
    hours = round(whole / HOUR) * HOUR
    if whole < MINUTE:
        return f"{whole} s"
    if minutes < HOUR:
        return f"{minutes // MINUTE} min"
    if minutes < DAY:
        return _pair(minutes, HOUR, "h", MINUTE, "min")
    return _pair(hours, DAY, "d", HOUR, "h")


def at_time(moment: float, now: float, zone: tzinfo | None = None) -> str:
    """`18:00`, with its day where that is another one. `zone`: None is the local one."""
    then, today = (datetime.fromtimestamp(one, zone) for one in (moment, now))
    return then.strftime("%H:%M" if then.date() == today.date() else "%Y-%m-%d %H:%M")


def _pair(whole: int, large: int, large_name: str, small: int, small_name: str) -> str:
    first, rest = divmod(whole, large)
    second = rest // small
    return f"{first} {large_name}" + (f" {second} {small_name}" if second else "")
