import re

from hypothesis import given
from hypothesis import strategies as st

from agent.core.morag_layout import in_short_paragraphs, in_short_sections

MOST = 3000
WORDS = "The old crane in the harbour has to go before the storms begin. "
TEXTS = st.lists(
    st.sampled_from(
        [
            "",
            "## Part",
            "### Page 2",
            WORDS,
            WORDS * 30,
            WORDS * 60,
            "x" * 7000,
            "[00:12][SPEAKER_01] " + WORDS * 70,
            "> " + WORDS * 50,
            "今日は港の話をします。" * 400,
            "| a | b |",
            "| --- | --- |",
            "| " + WORDS * 20 + " | b |",
        ]
    ),
    max_size=40,
).map("\n".join)


def letters(text: str) -> str:
    return "".join(text.split())


def paragraphs(text: str) -> list[str]:
    return re.split(r"\n\s*\n", text)


def test_a_usual_text_stays_as_it_is() -> None:
    text = f"# Title\n\n## Facts\n\n- **A**: b\n\n## Content\n\n{WORDS * 20}\n\n- one\n- two\n"

    assert in_short_paragraphs(text) == text
    assert in_short_sections(text) == text


def test_a_long_paragraph_is_parted_between_two_lines() -> None:
    text = "\n".join(f"Line {number} of a poem." for number in range(400))

    parts = in_short_paragraphs(text).split("\n\n")

    assert len(parts) == 3
    assert all(len(part) <= MOST for part in parts)
    assert "\n".join(parts) == text


def test_a_long_line_is_broken_after_a_sentence() -> None:
    parts = in_short_paragraphs((WORDS * 70).strip()).split("\n\n")

    assert len(parts) == 2
    assert all(part.endswith("begin.") for part in parts)
    assert " ".join(parts) == (WORDS * 70).strip()


def test_every_part_of_what_somebody_said_has_its_time_and_its_speaker() -> None:
    said = in_short_paragraphs("[01:02:03][SPEAKER_07] " + WORDS * 100).split("\n\n")

    assert len(said) == 3
    assert all(part.startswith("[01:02:03][SPEAKER_07] The old") for part in said)


def test_a_long_table_has_its_header_again_in_each_part() -> None:
    rows = [f"| {number} | {WORDS} |" for number in range(100)]
    table = "\n".join(["| No | What |", "| --- | --- |", *rows])

    parts = in_short_paragraphs(table).split("\n\n")

    assert len(parts) > 2
    assert all(part.startswith("| No | What |\n| --- | --- |\n| ") for part in parts)
    assert [line for part in parts for line in part.split("\n")[2:]] == rows


def test_a_long_section_has_its_headings_again() -> None:
    text = "\n\n".join(
        ["# T", "## Text", "### Page 1", *["> " + WORDS * 10] * 8, "### Page 2", "> z"]
    )

    told = in_short_sections(text).split("\n\n")

    assert told.count("## Text") == 2
    assert told[told.index("## Text", 3) + 1] == "### Page 1"
    assert told.count("### Page 2") == 1
    assert told[-2:] == ["### Page 2", "> z"]


@given(TEXTS)
def test_no_letter_is_lost_and_no_paragraph_is_longer_than_a_chunk(text: str) -> None:
    told = in_short_paragraphs(text)

    repeated = r"^(\[00:12\]\[SPEAKER_01\] |> |\| a \| b \|$|\| --- \| --- \|$)"
    bare = [letters(re.sub(repeated, "", each, flags=re.MULTILINE)) for each in (text, told)]
    assert bare[0] == bare[1]
    assert all(len(paragraph) <= MOST + 50 for paragraph in paragraphs(told))


@given(TEXTS)
def test_no_section_is_longer_than_a_chunk_below_a_heading(text: str) -> None:
    told = in_short_sections(in_short_paragraphs(text.replace("##", "\n\n##")))

    sections = re.split(r"^## ", told, flags=re.MULTILINE)[1:]
    assert all(len(section) < 4000 for section in sections)
