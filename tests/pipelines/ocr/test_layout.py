from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.ocr.engine import Box, Line
from agent.pipelines.ocr.layout import as_paragraphs, in_reading_order

HIGH = 20


def line(text: str, left: float, top: float, width: float = 0, height: float = HIGH) -> Line:
    return Line(text, 0.99, Box(left, top, left + (width or 10 * len(text)), top + height))


def column(words: str, left: float, top: float, width: float, pitch: float = 30) -> list[Line]:
    return [line(word, left, top + n * pitch, width) for n, word in enumerate(words.split())]


def read(lines: list[Line]) -> str:
    return " ".join(one.text for one in in_reading_order(lines))


def test_nothing_has_no_paragraphs() -> None:
    assert as_paragraphs(()) == ()


def test_lines_below_each_other_are_one_paragraph() -> None:
    assert as_paragraphs(column("the quick fox", 0, 0, 300)) == ("the\nquick\nfox",)


def test_a_larger_gap_begins_a_paragraph() -> None:
    lines = column("one two three", 0, 0, 300) + column("four five", 0, 110, 300)

    assert as_paragraphs(lines) == ("one\ntwo\nthree", "four\nfive")


def test_two_lines_far_apart_are_two_paragraphs() -> None:
    assert as_paragraphs([line("Loading", 0, 0), line("Done", 0, 90)]) == ("Loading", "Done")


def test_wide_but_even_spacing_begins_none() -> None:
    assert as_paragraphs(column("a b c d", 0, 0, 300, pitch=38)) == ("a\nb\nc\nd",)


def test_a_heading_stands_alone() -> None:
    lines = [line("Title", 0, 0, 200, height=40), *column("one two", 0, 45, 300)]

    assert as_paragraphs(lines) == ("Title", "one\ntwo")


def test_columns_are_read_one_after_the_other_between_title_and_footer() -> None:
    lines = [
        line("Title", 100, 0, 500),
        *column("a b c", 0, 60, 300),
        *column("d e f", 350, 60, 300),
        line("Footer", 0, 200, 600),
    ]

    assert as_paragraphs(lines) == ("Title", "a\nb\nc", "d\ne\nf", "Footer")


def test_three_columns_are_read_from_left_to_right() -> None:
    lines = [
        one
        for n, words in enumerate(("a b", "c d", "e f"))
        for one in column(words, 300 * n, 0, 250)
    ]

    assert read(lines) == "a b c d e f"


def test_a_narrow_column_with_rows_of_its_own_is_one_too() -> None:
    lines = column("home news about", 0, 0, 60, pitch=43) + column("a b c d e", 150, 5, 400)

    assert read(lines) == "home news about a b c d e"


def test_a_table_is_read_row_by_row_with_its_cells_apart() -> None:
    rows = (("Item", "Price", "Count"), ("Tea", "3.20", "4"), ("Bread", "2.10", "1"))
    lines = [
        line(cell, 200 * x, 30 * y) for y, row in enumerate(rows) for x, cell in enumerate(row)
    ]

    assert as_paragraphs(lines) == ("Item  Price  Count\nTea  3.20  4\nBread  2.10  1",)


def test_a_form_keeps_each_answer_beside_its_question() -> None:
    lines = column("Name: Street: Town:", 0, 0, 70) + column("Ada Mill-Lane London", 200, 0, 90)

    assert as_paragraphs(lines) == ("Name:  Ada\nStreet:  Mill-Lane\nTown:  London",)


def test_words_that_were_found_apart_stand_one_space_apart() -> None:
    assert as_paragraphs([line("big", 0, 0, 40), line("red", 48, 1, 40)]) == ("big red",)


def test_rows_of_a_page_that_is_askew_stay_together() -> None:
    slope = 0.05
    lines = [
        Line(
            f"{x}{y}",
            0.9,
            Box(300 * x, top := 40 * y + slope * 300 * x, 300 * x + 60, top + 23),
            slope,
        )
        for y in range(4)
        for x in range(4)
    ]

    assert read(lines) == "00 10 20 30 01 11 21 31 02 12 22 32 03 13 23 33"


def test_hebrew_is_read_from_the_right() -> None:
    lines = [line("שלום", 200, 0), line("עולם", 50, 0), line("תודה", 200, 30), line("רבה", 50, 30)]

    assert as_paragraphs(lines) == ("שלום  עולם\nתודה  רבה",)  # noqa: RUF001 - it is Hebrew


def test_columns_of_chinese_are_read_downwards_from_the_right() -> None:
    lines = [
        Line(text, 0.9, Box(left, 0, left + 20, 200)) for text, left in (("黃河", 50), ("白日", 80))
    ]

    assert as_paragraphs(lines) == ("白日\n黃河",)


cells = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 19), st.integers(10, 110), st.integers(12, 28)),
    unique_by=lambda cell: cell[:2],
    max_size=40,
)


def placed(cells: list[tuple[int, int, int, int]]) -> list[Line]:
    """One line for each cell of a grid that is taken."""
    return [line(f"{x}/{y}", 120 * x, 31 * y, width, height) for x, y, width, height in cells]


@given(cells)
def test_every_line_is_read_once(cells: list[tuple[int, int, int, int]]) -> None:
    lines = placed(cells)

    ordered = in_reading_order(lines)

    assert sorted(ordered, key=id) == sorted(lines, key=id)
    assert " ".join(as_paragraphs(lines)).split() == [one.text for one in ordered]


@given(cells, st.randoms())
def test_the_order_is_that_of_the_page_not_of_the_finder(
    cells: list[tuple[int, int, int, int]], chance: st.DrawFn
) -> None:
    lines = placed(cells)
    shuffled = lines.copy()
    chance.shuffle(shuffled)  # type: ignore[attr-defined]

    assert in_reading_order(shuffled) == in_reading_order(lines)


@given(cells, st.floats(0.25, 8), st.floats(-500, 500))
def test_neither_size_nor_place_of_the_page_matters(
    cells: list[tuple[int, int, int, int]], scale: float, shift: float
) -> None:
    lines = placed(cells)
    moved = [
        replace(
            one,
            box=Box(
                *(
                    scale * edge + shift
                    for edge in (one.box.left, one.box.top, one.box.right, one.box.bottom)
                )
            ),
        )
        for one in lines
    ]

    assert read(moved) == read(lines)
