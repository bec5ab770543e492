import pytest

from agent.pipelines.document.shapes import shape_of

SRT = """1
00:00:01,500 --> 00:00:04,000
<i>Good</i> morning,
everybody.

2
01:02:03,000 --> 01:02:04,000
{\\an8}Bye.

3
01:02:05,000 --> 01:02:06,000

"""
VTT = """WEBVTT

NOTE nothing

intro
00:01.000 --> 00:02.000 align:start
<v Ann>Hello <00:01.500><c.loud>there</c>

00:10.000 --> 00:12.000
<v Bob>Hi.
"""


def test_subtitles_become_lines_with_their_time() -> None:
    shape = shape_of(SRT, "film.srt", None)

    assert shape.name == "Subtitles"
    assert shape.body == "[00:01] Good morning, everybody.\n[01:02:03] Bye."


def test_subtitles_of_the_web_say_who_speaks() -> None:
    assert shape_of(VTT, "a", "text/vtt").body == "[00:01] Ann: Hello there\n[00:10] Bob: Hi."


def test_what_is_only_named_subtitles_is_plain_text() -> None:
    assert shape_of("no cue\n", "a.srt", None).name == "Plain Text"


@pytest.mark.parametrize(
    ("filename", "content", "body"),
    [
        ("a.py", "# no heading\nx = 1\n", "```python\n# no heading\nx = 1\n```"),
        ("a.JSON", '{"a": 1}', '```json\n{"a": 1}\n```'),
        ("a.sh", "echo ````\n", "`````sh\necho ````\n`````"),
    ],
)
def test_a_program_stands_in_a_fence(filename: str, content: str, body: str) -> None:
    shape = shape_of(content, filename, None)

    assert shape.name == "Source Code"
    assert shape.body == body


def test_a_log_is_cut_into_paragraphs_that_fit_into_a_chunk() -> None:
    lines = [f"2026-01-01 12:00:00 line {number:04}" for number in range(200)]

    shape = shape_of("\n".join(lines), "agent.log", None)

    paragraphs = shape.body.split("\n\n")
    assert max(map(len, paragraphs)) < 1600
    assert "\n".join(paragraphs).split("\n") == lines


def test_other_text_stays_as_it_is() -> None:
    shape = shape_of("\n# a\n\n  b\n", "a.txt", "text/plain; charset=utf-8")

    assert (shape.name, shape.body) == ("Plain Text", "# a\n\n  b")
