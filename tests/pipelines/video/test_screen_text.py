from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.video.screen_text import Reading, ScreenText, merged


def test_a_line_that_stays_is_told_once_with_its_first_time() -> None:
    readings = [Reading(3, ("Welcome",)), Reading(9, ("Welcome",)), Reading(15, ("Goodbye",))]

    assert merged(readings) == (ScreenText(3, "Welcome"), ScreenText(15, "Goodbye"))


def test_a_slide_that_grows_tells_only_what_is_new() -> None:
    readings = [
        Reading(0, ("Agenda", "1. Why\n2. How")),
        Reading(30, ("Agenda", "1. Why\n2. How\n3. When")),
    ]

    assert merged(readings) == (
        ScreenText(0, "Agenda"),
        ScreenText(0, "1. Why 2. How"),
        ScreenText(30, "3. When"),
    )


def test_a_letter_that_was_misread_makes_no_new_line() -> None:
    readings = [Reading(0, ("Quarterly results",)), Reading(5, ("Quarter1y  Results",))]

    assert merged(readings) == (ScreenText(0, "Quarterly results"),)


def test_numbers_tell_lines_apart() -> None:
    assert merged([Reading(0, ("Slide 3",)), Reading(5, ("Slide 4",))]) == (
        ScreenText(0, "Slide 3"),
        ScreenText(5, "Slide 4"),
    )


def test_a_line_that_comes_back_much_later_is_told_again() -> None:
    others = [Reading(float(time), (word,)) for time, word in enumerate(("red", "blue", "green"))]
    readings = [Reading(-1, ("Chapter",)), *others, Reading(9, ("Chapter",))]

    assert [each.time for each in merged(readings) if each.text == "Chapter"] == [-1, 9]


def test_specks_are_no_text() -> None:
    assert merged([Reading(0, ("·", "|", "a"))]) == ()


words = st.lists(st.text("abc1 \n", max_size=12), max_size=4).map(tuple)


@given(st.lists(words, max_size=8))
def test_nothing_is_told_that_was_not_read_then(paragraphs: list[tuple[str, ...]]) -> None:
    readings = [Reading(float(number), each) for number, each in enumerate(paragraphs)]

    for told in merged(readings):
        read = " ".join(paragraphs[int(told.time)]).split()
        assert set(told.text.split()) <= set(read)
