import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from agent.pipelines.audio.rendering import as_json, as_markdown, timed_lines
from agent.pipelines.audio.subtitles import as_srt, as_text, as_vtt
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.transcript import Loaded, Segment, Topic, Transcript, Word
from agent.pipelines.timecode import clock, long_clock, srt_time, vtt_time


def transcript(*segments: Segment, duration: float = 4000.0) -> Transcript:
    return Transcript(
        filename="talk.mp3",
        segments=segments,
        language="en",
        language_probability=0.98765,
        duration=duration,
        made_by=Loaded(engine="faster-whisper", model="base", device="cpu", compute_type="int8"),
        speech=(Span(0.5, 4.0),),
        speech_coverage=0.98765,
        speech_detector="silero",
    )


TWO = transcript(Segment(0.0, 2.5, "Hello."), Segment(3661.25, 3663.0, "Fish & chips <3 --> yes"))


def test_markdown_has_the_layout_that_morag_reads() -> None:
    assert as_markdown(TWO) == (
        "# Audio Transcription: talk.mp3\n\n"
        "## Audio Information\n\n"
        "- **Duration**: 01:06:40\n"
        "- **Language**: en\n"
        "- **Word Count**: 7\n"
        "- **Transcribed With**: faster-whisper base\n\n"
        "## Detailed Transcript\n\n"
        "[00:00] Hello.\n"
        "[01:01:01] Fish & chips <3 --> yes\n"
    )


def test_markdown_has_a_blank_line_before_a_chunk_grows_too_long() -> None:
    many = transcript(*(Segment(i, i + 1, f"Sentence number {i} of many.") for i in range(300)))

    paragraphs = as_markdown(many).partition("## Detailed Transcript\n\n")[2].split("\n\n")

    assert len(paragraphs) > 5
    assert all(len(paragraph) <= 1500 for paragraph in paragraphs)


def test_srt_numbers_its_cues_and_uses_commas() -> None:
    assert as_srt(TWO) == (
        "1\n00:00:00,000 --> 00:00:02,500\nHello.\n\n"
        "2\n01:01:01,250 --> 01:01:03,000\nFish & chips <3 → yes\n"
    )


def test_vtt_escapes_what_it_would_take_for_markup() -> None:
    assert as_vtt(TWO) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:02.500\nHello.\n\n"
        "01:01:01.250 --> 01:01:03.000\nFish &amp; chips &lt;3 --&gt; yes\n"
    )


def test_text_is_one_line_a_segment() -> None:
    assert as_text(TWO) == "Hello.\nFish & chips <3 --> yes\n"


def test_json_holds_everything() -> None:
    content = json.loads(as_json(transcript(Segment(1, 2, "Hi", (Word(1, 2, "Hi", 0.5),))), 1.5))

    assert content["schema_version"] == 1
    assert content["audio_s"] == 4000.0
    assert content["speech_s"] == 3.5
    assert content["speech_coverage"] == 0.9877
    assert content["process_s"] == 1.5
    assert content["language_probability"] == 0.9877
    word = {"start": 1, "end": 2, "text": "Hi", "probability": 0.5}
    assert content["segments"] == [{"start": 1, "end": 2, "text": "Hi", "words": [word]}]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "00:00"), (59.99, "00:59"), (3599.9, "59:59"), (3600, "01:00:00")]
)
def test_the_clock_shows_hours_when_there_are_some(seconds: float, shown: str) -> None:
    assert clock(seconds) == shown


def test_milliseconds_carry_over() -> None:
    assert srt_time(59.9996) == "00:01:00,000"
    assert vtt_time(3599.9999) == "01:00:00.000"
    assert re.fullmatch(r"\d\d:\d\d:\d\d", long_clock(12.3456))


def words(text: str, start: float, each: float = 0.5) -> tuple[Word, ...]:
    return tuple(
        Word(start + number * each, start + (number + 1) * each, word, 0.9)
        for number, word in enumerate(text.split())
    )


GOLDEN = Path(__file__).parent / "golden"
MEETING = replace(
    transcript(
        Segment(0.4, 2.9, "Good morning, everybody.", speaker="SPEAKER_00"),
        Segment(3.0, 4.0, "Morning!", speaker="SPEAKER_01"),
        Segment(
            4.2,
            18.7,
            "The first thing today is the harbour, where the old crane has to be taken down before"
            " the winter storms begin.",
            words(
                "The first thing today is the harbour, where the old crane has to be taken down"
                " before the winter storms begin.",
                4.2,
                0.65,
            ),
            speaker="SPEAKER_00",
        ),
        Segment(3599.0, 3601.5, "Then there is <the budget> & --> lunch.", speaker="SPEAKER_01"),
    ),
    topics=(
        Topic(0.0, 3598.0, "Old crane", ("crane", "harbour")),
        Topic(3599.0, 3601.5, "Budget", ("budget",)),
    ),
    warnings=("no such thing.",),
)


@pytest.mark.parametrize(
    ("name", "render"),
    [
        ("meeting.md", as_markdown),
        ("meeting.json", lambda meeting: as_json(meeting, 12.5)),
        ("meeting.srt", as_srt),
        ("meeting.vtt", as_vtt),
        ("meeting.txt", as_text),
    ],
)
def test_a_meeting_with_speakers_and_topics_looks_like_its_golden_file(
    name: str, render: Callable[[Transcript], str]
) -> None:
    assert render(MEETING) == (GOLDEN / name).read_text()


def test_what_stood_on_the_screen_stands_between_what_was_said_then() -> None:
    talk = transcript(Segment(1, 2, "Look here.", speaker="SPEAKER_00"), Segment(9, 10, "So."))

    lines = timed_lines(talk, [(8.5, "[SCREEN] Figure 1\nand more"), (0.0, "[SCREEN] Title")])

    assert lines.split("\n") == [
        "[00:00][SCREEN] Title",
        "",
        "[00:01][SPEAKER_00] Look here.",
        "",
        "[00:08][SCREEN] Figure 1 and more",
        "",
        "[00:09] So.",
    ]


def test_the_first_topic_stands_above_what_was_on_the_screen_before_anybody_spoke() -> None:
    talk = replace(
        transcript(Segment(7, 8, "Look here."), Segment(20, 21, "So.")),
        topics=(Topic(7, 8, "Looking"), Topic(20, 21, "So")),
    )

    lines = timed_lines(talk, [(0.0, "[SCREEN] Title"), (20.0, "[SCREEN] End")]).split("\n")

    assert [line for line in lines if line] == [
        "# Looking [0]",
        "[00:00][SCREEN] Title",
        "[00:07] Look here.",
        "# So [20]",
        "[00:20] So.",
        "[00:20][SCREEN] End",
    ]


def test_a_cue_is_cut_where_it_is_too_long_to_read_and_its_words_have_times() -> None:
    text = " ".join(["word"] * 30)
    timed = transcript(Segment(0, 15, text, words(text, 0)))

    cues = as_srt(timed).split("\n\n")

    assert len(cues) == 3
    assert cues[1].startswith("2\n00:00:05,500 --> 00:00:11,000\n")
    assert " ".join(cue.split("\n")[2] for cue in cues) == text
    assert as_srt(transcript(Segment(0, 15, text))).count("-->") == 1


def test_languages_without_spaces_get_none_in_their_subtitles() -> None:
    text = "今日は港の話をします" * 10
    timed = tuple(Word(n * 0.5, n * 0.5 + 0.5, sign, 0.9) for n, sign in enumerate(text))

    cues = as_srt(transcript(Segment(0, 50, text, timed)))

    assert text[:14] in cues.replace("\n", "")
    assert " " not in cues.split("\n")[2]


def test_the_one_speaker_of_a_monologue_is_not_named_before_every_line() -> None:
    alone = transcript(
        Segment(0, 1, "Hello.", speaker="SPEAKER_00"), Segment(1, 2, "Bye.", speaker="SPEAKER_00")
    )

    assert as_text(alone) == "Hello.\nBye.\n"
    assert "SPEAKER" not in as_srt(alone)
    assert as_vtt(alone).count("<v SPEAKER_00>") == 2
    assert "[00:00][SPEAKER_00] Hello." in as_markdown(alone)
