import json

import pytest

from agent.core.morag_result import WANTED, Told, told
from agent.model.ids import JsonObject

AUDIO = b"""# Audio Transcription: talk.mp3

## Audio Information

- **Duration**: 00:01:40

## Detailed Transcript

[00:00][SPEAKER_00] Good morning.
"""
SUMMARY: JsonObject = {
    "content_type": "audio",
    "duration": 100.0,
    "language": "en",
    "word_count": 2,
    "has_speaker_info": True,
    "has_topic_info": False,
    "num_speakers": 1,
    "speakers": ["SPEAKER_00"],
    "topics": [{"title": "Morning", "start_time": 0.0}],
    "device": "cuda",
    "processing_time": 3.5,
}


def told_of(
    content_type: str, markdown: str, summary: JsonObject | None = None, filename: str = "a.bin"
) -> Told | None:
    names = {"audio": "transcript.md", "web": "page.md", "text": "document.md"}
    name = names.get(content_type, f"{content_type}.md")
    return told(content_type, filename, {name: markdown.encode()}, summary or {})


def test_a_recording_is_told_of_with_who_spoke_and_how_long() -> None:
    said = told("audio", "talk.mp3", {"transcript.md": AUDIO, "transcript.txt": b"x"}, SUMMARY)

    assert said == Told(
        AUDIO.decode(),
        {
            "content_type": "audio",
            "file_name": "talk.mp3",
            "filename": "talk.mp3",
            "duration": 100.0,
            "language": "en",
            "word_count": 2,
            "has_speaker_info": True,
            "has_topic_info": False,
            "num_speakers": 1,
            "speakers": ["SPEAKER_00"],
        },
    )


def test_what_the_artifacts_are_called_is_known_before_they_are_made() -> None:
    assert {"transcript.md", "video.md", "image.md", "document.md", "page.md"} == WANTED


@pytest.mark.parametrize(
    ("content_type", "heading"),
    [
        ("audio", "## Detailed Transcript"),
        ("video", "## Transcript"),
        ("document", "## Content"),
        ("text", "## Content"),
        ("web", "## Main Content"),
    ],
)
def test_without_a_word_there_is_nothing_to_tell(content_type: str, heading: str) -> None:
    empty = f"# Title: a\n\n## Some Information\n\n- **Word Count**: 0\n\n{heading}\n\n - \n"

    assert told_of(content_type, empty) is None
    assert told_of(content_type, f"{empty}\nword\n") is not None


def test_an_artifact_that_is_not_there_tells_nothing() -> None:
    assert told("audio", "a.mp3", {}, SUMMARY) is None
    assert told("audio", "a.mp3", {"transcript.md": b" \n"}, SUMMARY) is None
    assert told("podcast", "a.mp3", {"transcript.md": AUDIO}, SUMMARY) is None


def test_a_picture_without_a_word_is_told_of() -> None:
    image = "# Image Analysis: a\n\n## Image Information\n\n- **Dimensions**: 3 x 4\n"

    assert told_of("image", image, {"width": 3, "height": 4}) == Told(
        image,
        {
            "content_type": "image",
            "file_name": "a.bin",
            "filename": "a.bin",
            "width": 3,
            "height": 4,
        },
    )


@pytest.mark.parametrize(
    ("filename", "name"),
    [
        ("/app/uploads/talk 1.mp3", "talk 1.mp3"),
        ("C:\\Users\\ann\\talk.mp3", "talk.mp3"),
        ("Grüße\n.mp3", "Grüße .mp3"),
    ],
)
def test_of_a_path_only_the_name_is_told(filename: str, name: str) -> None:
    said = told("audio", filename, {"transcript.md": AUDIO}, {"source_path": "/spool/1/input"})

    assert said is not None
    assert said.metadata == {"content_type": "audio", "file_name": name, "filename": name}


def test_what_has_no_place_in_json_or_is_not_flat_is_left_out() -> None:
    odd: JsonObject = {
        "duration": float("nan"),
        "language": {"code": "en"},
        "speakers": ["SPEAKER_00", ["nested"], None],
        "codec": "x" * 9000,
        "segments": [{"start_time": 1.0}],
    }

    said = told("audio", "a", {"transcript.md": AUDIO}, odd)

    assert said is not None
    assert said.metadata["speakers"] == ["SPEAKER_00"]
    assert len(json.dumps(said.metadata, allow_nan=False)) < 700
    assert {"duration", "language", "segments"}.isdisjoint(said.metadata)


def test_bytes_that_are_no_text_do_no_harm() -> None:
    said = told("audio", "a", {"transcript.md": AUDIO + b"\xff\xfe"}, {})

    assert said is not None
    assert said.content.encode()


def test_the_words_of_a_text_are_counted_under_the_name_that_morag_has_for_them() -> None:
    said = told_of("text", "# D\n\n## Document Information\n\n## Content\n\none two", {"words": 2})

    assert said is not None
    assert said.metadata["word_count"] == 2
