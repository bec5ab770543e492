import json
import re

import pytest

from agent.pipelines.audio.rendering import as_json, as_markdown, as_srt, as_text, as_vtt
from agent.pipelines.audio.transcript import Loaded, Segment, Transcript, Word
from agent.pipelines.timecode import clock, long_clock, srt_time, vtt_time


def transcript(*segments: Segment, duration: float = 4000.0) -> Transcript:
    return Transcript(
        filename="talk.mp3",
        segments=segments,
        language="en",
        language_probability=0.98765,
        duration=duration,
        made_by=Loaded(engine="faster-whisper", model="base", device="cpu", compute_type="int8"),
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
    assert content["speech_s"] == 1.0
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
