"""How people write hours of the week: `mon-fri 22:00-07:00; sat,sun all day`."""

import re
from collections.abc import Iterator
from typing import Annotated, TypeAlias

from pydantic import AfterValidator

from agent.config.values import Right, WrongValueError
from agent.core.hours import DAY, Span, WeeklyHours

DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
EVERY_DAY = ("every day", "daily")
LAST_MINUTE = 59
ALL_DAY = "all day"
_ENTRY = re.compile(r"(?P<days>.*?)\s*(?P<times>all day|\d.*)?")
_TIMES = re.compile(r"([0-9]{1,2}):([0-9]{2})\s*-\s*([0-9]{1,2}):([0-9]{2})")


def weekly_hours(text: str) -> WeeklyHours | None:
    """None for an empty text. Raises `WrongValueError`."""
    entries = [entry.strip().lower() for entry in text.split(";") if entry.strip()]
    if not entries:
        return None
    return WeeklyHours(tuple(span for entry in entries for span in _spans(entry)))


def _spans(entry: str) -> Iterator[Span]:
    parts = _ENTRY.fullmatch(entry)
    if parts is None or not parts["times"]:
        raise WrongValueError(f'"{entry}" names no hours')
    days = [day for part in _listed(parts["days"]) for day in _days(part)]
    times = [_interval(part) for part in _listed(parts["times"])]
    for day in days or range(len(DAYS)):
        for begin, end in times:
            yield Span(day, begin, end)


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _days(part: str) -> list[int]:
    if part in EVERY_DAY:
        return list(range(len(DAYS)))
    first, dash, last = (side.strip() for side in part.partition("-"))
    begin = _day(first)
    length = (_day(last) - begin) % len(DAYS) if dash else 0
    return [(begin + step) % len(DAYS) for step in range(length + 1)]


def _day(word: str) -> int:
    for number, name in enumerate(DAYS):
        if word in {name, name[:3]}:
            return number
    raise WrongValueError(f'"{word}" is no day of the week')


def _interval(part: str) -> tuple[int, int]:
    """Minutes after midnight; hours that end on the next day end after 24:00."""
    if part == ALL_DAY:
        return 0, DAY
    found = _TIMES.fullmatch(part)
    if found is None:
        raise WrongValueError(f'"{part}" is no time from and to')
    begin, end = _minute(found[1], found[2]), _minute(found[3], found[4])
    if begin == end:
        raise WrongValueError(f'"{part}" begins when it ends; a whole day is "{ALL_DAY}"')
    if begin == DAY:
        raise WrongValueError(f'"{part}" begins at 24:00, which is 00:00 of the next day')
    return begin, end if end > begin else end + DAY


def _minute(hour: str, minute: str) -> int:
    after_midnight = int(hour) * 60 + int(minute)
    if int(minute) > LAST_MINUTE or after_midnight > DAY:
        raise WrongValueError(f'"{hour}:{minute}" is no time of day')
    return after_midnight


def _sound(text: str) -> str:
    weekly_hours(text)
    return text.strip()


def _known_zone(name: str) -> str:
    if not name.strip():
        return ""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name.strip())
    except (KeyError, ValueError, OSError) as error:
        raise WrongValueError(f'no time zone "{name}" is installed on this box') from error
    return name.strip()


Hours: TypeAlias = Annotated[
    str,
    AfterValidator(_sound),
    Right('days with hours, such as "mon-fri 22:00-07:00; sat,sun all day", or empty'),
]
Zone: TypeAlias = Annotated[
    str,
    AfterValidator(_known_zone),
    Right('a time zone such as "Europe/Berlin", or empty for that of this box'),
]
