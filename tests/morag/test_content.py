"""What MoRAG is told of each content type survives both of its chunkers whole.

The golden files hold all that is told of a small job of each type. To write them anew after a
change that is meant: `python -m tests.morag.test_content`.
"""

import json
import re
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import pytest

from tests.morag.chunking import SIZE, coordinator, fate_of, speakers_of, stages, time_of
from tests.morag.samples import (
    LONG,
    SENTENCE,
    SHORT,
    Result,
    browsed,
    documented,
    filmed,
    heard,
    noted,
    pictured,
    utterances,
)

GOLDEN = Path(__file__).parent / "golden"
SMALL: Mapping[str, Callable[[Path], Result]] = {
    "audio": lambda _: heard(SHORT, speakers=2, topics=2),
    "video": lambda _: filmed(SHORT, topics=2),
    "image": lambda _: pictured(12, caption="A harbour."),
    "document": lambda folder: documented(2, folder),
    "web": lambda folder: browsed(1, folder),
    "text": lambda folder: noted("Green tea.\n\nBlack tea.\n", folder),
}
LARGE: Mapping[str, Callable[[Path], Result]] = {
    "audio, alone": lambda _: heard(LONG),
    "audio, speakers": lambda _: heard(LONG, speakers=3),
    "audio, topics": lambda _: heard(LONG, topics=5),
    "audio, speakers and few topics": lambda _: heard(LONG, speakers=2, topics=2),
    "audio, speakers and many topics": lambda _: heard(LONG, speakers=2, topics=40),
    "video": lambda _: filmed(LONG),
    "video, topics": lambda _: filmed(LONG, topics=4),
    "image": lambda _: pictured(150),
    "image, pages": lambda _: pictured(70, pages=4, caption="A harbour."),
    "document": lambda folder: documented(20, folder),
    "web": lambda folder: browsed(20, folder, links=300),
    "text": lambda folder: noted("\n\n".join([SENTENCE * 4] * 60), folder),
    "text, one paragraph": lambda folder: noted("\n".join([SENTENCE] * 300), folder),
    "text, one line": lambda folder: noted(f"{SENTENCE} " * 300, folder),
}
SPOKEN = [name for name in LARGE if name.startswith(("audio", "video"))]


def golden(result: Result) -> str:
    told = result.told
    facts = json.dumps(told.metadata, ensure_ascii=False, indent=1)
    return f"{facts}\n\n{told.content}"


@pytest.mark.parametrize("content_type", SMALL)
def test_what_is_told_of_a_small_job_is_as_in_its_golden_file(
    content_type: str, tmp_path: Path
) -> None:
    expected = (GOLDEN / f"{content_type}.txt").read_text("utf-8")

    assert golden(SMALL[content_type](tmp_path)) == expected


@pytest.mark.parametrize("name", LARGE)
def test_the_coordinator_loses_only_the_head_and_cuts_no_line(name: str, tmp_path: Path) -> None:
    told = LARGE[name](tmp_path).told

    chunks = coordinator(told.content, told.metadata)

    fate = fate_of(told.content, chunks)
    assert len(chunks) > 1
    assert fate.cut == []
    assert set(fate.lost) <= set(head_of(told.content))
    assert max(map(len, chunks)) <= SIZE + 2


@pytest.mark.parametrize("name", [name for name in LARGE if name not in SPOKEN])
def test_the_coordinator_keeps_even_the_head_of_what_is_written(name: str, tmp_path: Path) -> None:
    told = LARGE[name](tmp_path).told

    assert fate_of(told.content, coordinator(told.content, told.metadata)).lost == []


@pytest.mark.parametrize("name", LARGE)
def test_the_stages_lose_only_the_head_and_cut_no_line(name: str, tmp_path: Path) -> None:
    told = LARGE[name](tmp_path).told

    metadata, chunks = stages(told.content)

    fate = fate_of(told.content, chunks)
    assert fate.cut == []
    assert set(fate.lost) <= set(head_of(told.content))
    assert len(chunks) < len(told.content) / 1500
    assert metadata["title"]
    assert len(metadata) > 2


@pytest.mark.parametrize("name", SPOKEN)
def test_every_chunk_of_what_was_said_has_its_time(name: str, tmp_path: Path) -> None:
    told = LARGE[name](tmp_path).told

    chunks = coordinator(told.content, told.metadata)

    times = [time_of(chunk, told.metadata) for chunk in chunks]
    assert all(times)
    assert times == sorted(times, key=lambda time: seconds(time or ""))


@pytest.mark.parametrize(
    "name", ["audio, speakers", "audio, speakers and few topics", "video, topics"]
)
def test_every_chunk_of_what_was_said_has_its_speakers(name: str, tmp_path: Path) -> None:
    told = LARGE[name](tmp_path).told

    assert all(
        speakers_of(chunk, told.metadata) for chunk in coordinator(told.content, told.metadata)
    )
    assert all("[SPEAKER_" in chunk for chunk in stages(told.content)[1])


@pytest.mark.parametrize("topics", [2, 5, 40])
def test_every_chunk_of_a_topic_begins_with_its_title(topics: int) -> None:
    told = heard(LONG, topics=topics).told

    chunks = coordinator(told.content, told.metadata)

    titles = [chunk.split("\n")[0] for chunk in chunks]
    assert all(re.fullmatch(r"# Cranes \d+ \[\d+\]", title) for title in titles)
    assert len(set(titles)) == topics


def test_what_is_seen_in_a_film_is_in_the_chunk_of_its_time() -> None:
    result = filmed(LONG, topics=4)

    chunks = coordinator(result.told.content, result.told.metadata)

    for said in utterances(result):
        (chunk,) = [chunk for chunk in chunks if said in chunk]
        assert seconds(time_of(chunk, result.told.metadata) or "") <= seconds(
            said[1:].split("]")[0]
        )
    assert sum("[SCREEN]" in line for line in utterances(result)) == LONG // 10 + 1
    assert sum("[CHAPTER]" in line for line in utterances(result)) == 2


def test_a_film_in_which_nobody_speaks_is_told_of() -> None:
    told = filmed(SHORT, is_silent=True).told

    assert "[00:00][CHAPTER] Opening" in told.content
    assert told.metadata["has_speaker_info"] is False


@pytest.mark.parametrize("content_type", SMALL)
def test_what_is_written_into_every_chunk_is_flat_and_small(
    content_type: str, tmp_path: Path
) -> None:
    metadata = SMALL[content_type](tmp_path).told.metadata

    assert metadata["content_type"] == content_type
    assert len(json.dumps(metadata, allow_nan=False)) < 1000
    assert not any(isinstance(value, dict) for value in metadata.values())
    assert {"source_path", "segments", "topics", "created_at", "chunk_size"}.isdisjoint(metadata)
    assert not any("/output" in str(value) for value in metadata.values())


def head_of(content: str) -> Sequence[str]:
    """The title and the facts, with the headings above and below them."""
    lines = [line.strip() for line in content.split("\n")]
    sections = [number for number, line in enumerate(lines) if line.startswith("## ")]
    return lines[: sections[1] + 1]


def seconds(time: str) -> int:
    total = 0
    for part in time.split(":"):
        total = total * 60 + int(part)
    return total


def _write_golden_files() -> None:
    for content_type, make in SMALL.items():
        with tempfile.TemporaryDirectory() as folder:
            text = golden(make(Path(folder)))
        (GOLDEN / f"{content_type}.txt").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    _write_golden_files()
