import pytest

from agent.config.hours import weekly_hours
from agent.config.values import WrongValueError
from agent.core.hours import DAY, Span, WeeklyHours


def test_an_empty_text_is_no_hours() -> None:
    assert weekly_hours(" ; ") is None


@pytest.mark.parametrize(
    ("text", "spans"),
    [
        ("mon 08:00-12:30", [(0, 480, 750)]),
        ("Monday 8:00 - 12:30", [(0, 480, 750)]),
        ("sat, sun all day", [(5, 0, DAY), (6, 0, DAY)]),
        ("fri-mon 22:00-07:00", [(day, 1320, 1860) for day in (4, 5, 6, 0)]),
        ("tue 06:00-08:00, 18:00-24:00", [(1, 360, 480), (1, 1080, 1440)]),
        ("23:00-00:00", [(day, 1380, DAY) for day in range(7)]),
        ("every day all day", [(day, 0, DAY) for day in range(7)]),
        ("mon 01:00-02:00; tue 01:00-02:00", [(0, 60, 120), (1, 60, 120)]),
    ],
)
def test_hours_are_written_as_people_say_them(text: str, spans: list[tuple[int, int, int]]) -> None:
    assert weekly_hours(text) == WeeklyHours(tuple(Span(*span) for span in spans))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("mon-fry 22:00-07:00", '"fry" is no day of the week'),
        ("mon", '"mon" names no hours'),
        ("mon 22-07", '"22-07" is no time from and to'),
        ("mon 25:00-26:00", '"25:00" is no time of day'),
        ("mon 08:60-09:00", '"08:60" is no time of day'),
        ("mon 24:01-07:00", '"24:01" is no time of day'),
        ("mon 24:00-07:00", '"24:00-07:00" begins at 24:00, which is 00:00 of the next day'),
        ("mon 08:00-08:00", '"08:00-08:00" begins when it ends; a whole day is "all day"'),
        ("mon 08:00-09:00; soon", '"soon" names no hours'),
    ],
)
def test_what_is_wrong_is_named(text: str, why: str) -> None:
    with pytest.raises(WrongValueError) as caught:
        weekly_hours(text)

    assert str(caught.value) == why
