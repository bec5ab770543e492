"""Our copy of MoRAG's chunkers gives the figures that its own code gave for the same layouts."""

from collections.abc import Sequence

import pytest

from tests.morag.chunking import coordinator, fate_of, speakers_of, stages, time_of

SENTENCE = "We went down to the old harbour to look at the cranes and boats."
SAID = [
    f"[{at // 60:02}:{at % 60:02}][SPEAKER_{at // 21 % 2:02}] {at} {SENTENCE}"
    for at in range(0, 160 * 7, 7)
]
PLAIN = " ".join(line.partition(" ")[2] for line in SAID)
HEAD = """# Audio Transcription: talk.mp3

## Audio Information

- **Duration**: 00:18:40
- **Num Speakers**: 2
- **Speakers**: ['SPEAKER_00', 'SPEAKER_01']

## Detailed Transcript

"""
HEADER_LINES = 6
AUDIO = {"content_type": "audio"}
UNKNOWN: dict[str, str] = {}


def topics(lines: Sequence[str], size: int = 40) -> str:
    parts = [lines[start : start + size] for start in range(0, len(lines), size)]
    return "\n\n".join(
        "\n".join([f"# Topic {number} [{number * size * 7}]", *part])
        for number, part in enumerate(parts, start=1)
    )


def by_turns(lines: Sequence[str]) -> str:
    return "\n\n".join("\n".join(lines[start : start + 3]) for start in range(0, len(lines), 3))


LAYOUTS = {
    "plain": PLAIN,
    "topics": HEAD + topics(SAID),
    "no topics": HEAD + "\n".join(SAID),
    "turns": HEAD + by_turns(SAID),
    "ranges": HEAD + "\n".join(line.replace("]", " - 18:40]", 1) for line in SAID),
    "key frames": HEAD + "\n".join(SAID) + "\n\n## Key Frames\n" + "\n- frame" * 7,
}


@pytest.mark.parametrize(
    ("layout", "metadata", "count", "cut", "lost"),
    [
        ("topics", AUDIO, 4, 0, HEADER_LINES),
        ("topics", UNKNOWN, 4, 0, 0),
        ("no topics", AUDIO, 4, 0, HEADER_LINES),
        ("no topics", UNKNOWN, 5, 3, 0),
        ("turns", AUDIO, 4, 0, HEADER_LINES),
    ],
)
def test_the_coordinator_cuts_a_transcript_as_it_was_seen_to(
    layout: str, metadata: dict[str, str], count: int, cut: int, lost: int
) -> None:
    chunks = coordinator(LAYOUTS[layout], metadata)

    fate = fate_of(LAYOUTS[layout], chunks)
    assert len(chunks) == count
    assert (len(fate.cut), len(fate.lost)) == (cut, lost)
    assert [bool(time_of(chunk, metadata)) for chunk in chunks] == [bool(metadata)] * len(chunks)
    assert [bool(speakers_of(chunk, metadata)) for chunk in chunks] == [bool(metadata)] * len(
        chunks
    )


def test_a_section_below_a_transcript_is_lost() -> None:
    chunks = coordinator(LAYOUTS["key frames"], {"content_type": "video"})

    assert "## Key Frames" in fate_of(LAYOUTS["key frames"], chunks).lost


def test_ranges_of_time_are_not_times() -> None:
    fate = fate_of(LAYOUTS["ranges"], coordinator(LAYOUTS["ranges"], AUDIO))

    assert fate.cut


@pytest.mark.parametrize(
    ("layout", "exploded"),
    [("plain", True), ("no topics", True), ("topics", False), ("turns", False)],
)
def test_the_stages_write_a_long_paragraph_two_hundred_times(
    layout: str, *, exploded: bool
) -> None:
    _, chunks = stages(LAYOUTS[layout])

    assert len(chunks) > 200 if exploded else len(chunks) == 4


def test_the_stages_read_the_facts_from_the_head() -> None:
    metadata, _ = stages(LAYOUTS["turns"])

    assert metadata == {
        "title": "Audio Transcription: talk.mp3",
        "duration": "00:18:40",
        "num_speakers": "2",
        "speakers": "['SPEAKER_00', 'SPEAKER_01']",
    }


def test_a_short_text_is_one_chunk() -> None:
    assert coordinator("short", {"content_type": "image"}) == ["short"]
