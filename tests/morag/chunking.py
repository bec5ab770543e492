"""How MoRAG cuts a text into chunks: its two chunkers, written anew from what is known of them.

`coordinator` is what the results of remote jobs meet, `stages` what the files of its stages do.
Both are as odd as the real ones; `test_chunking.py` holds them against the figures of those.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

SIZE, OVERLAP = 4000, 200
_TOPIC = re.compile(r"#.+?\[\d+\]")
_TIMED = re.compile(r"\[\d{1,2}:\d\d(:\d\d)?\]")
_ANY_TIME = re.compile(r"\[(\d{1,2}:\d\d(?::\d\d)?)\]")
_SPEAKER = re.compile(r"SPEAKER_(\d+)|Speaker (\d+):")
_OVERLAP_WORDS = 20
_SMALL, _LARGE = 200, 1.5


def coordinator(content: str, metadata: Mapping[str, object]) -> list[str]:
    """`metadata` may lack the content type; then the text is a document."""
    if len(content) <= SIZE:
        return [content]
    chunkers: Mapping[object, Callable[[str], list[str]]] = {
        "audio": _by_topic,
        "video": _by_topic,
        "document": _by_paragraph,
        "image": _by_section,
        "web": _by_article,
        "text": _by_sentence,
    }
    return chunkers.get(metadata.get("content_type", "document"), _by_letter)(content)


def _by_topic(content: str) -> list[str]:
    lines = content.split("\n")
    starts = [number for number, line in enumerate(lines) if _TOPIC.fullmatch(line)]
    if not starts:
        return _by_time(content, SIZE)
    chunks = []
    for start, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        heading, topic = lines[start], "\n".join(lines[start:end]).strip()
        if len(topic) <= SIZE:
            chunks.append(topic)
        else:
            rest = "\n".join(lines[start + 1 : end]).strip()
            chunks += [f"{heading}\n\n{part}" for part in _by_time(rest, SIZE - len(heading))]
    return chunks


def _by_time(content: str, size: int) -> list[str]:
    """What stands before the first time, or below a heading, is in no chunk."""
    pieces: list[list[str]] = []
    is_within = False
    for line in content.split("\n"):
        if _TIMED.match(line):
            pieces.append([line])
            is_within = True
        elif line.startswith("#"):
            is_within = False
        elif is_within:
            pieces[-1].append(line)
    if not pieces:
        return _by_letter(content)
    return _packed(("\n".join(piece).strip() for piece in pieces), "\n", size, slack=1)


def _by_paragraph(content: str) -> list[str]:
    return _cut(_packed(_paragraphs(content), "\n\n"), SIZE, _by_letter)


def _by_section(content: str) -> list[str]:
    sections = (each.strip() for each in re.split(r"^(?=##\s)", content, flags=re.MULTILINE))
    return _cut(_packed(filter(None, sections), "\n\n", slack=2), SIZE, _by_letter)


def _by_article(content: str) -> list[str]:
    chunks = []
    chunk = ""
    for line in content.split("\n"):
        if re.match(r"##\s", line) and chunk.strip():
            chunks.append(chunk.strip())
            chunk = line
            continue
        chunk = f"{chunk}\n{line}" if chunk else line
        if len(chunk) > SIZE and not line.startswith("##"):
            mark = "\n\n" if "\n\n" in chunk else ". "
            full, found, rest = chunk.rpartition(mark)
            if found:
                chunks.append(full.strip() + mark.strip())
                chunk = rest
    chunks += [chunk.strip()] if chunk.strip() else []
    return _cut(_without_small(chunks), SIZE * _LARGE, _by_letter)


def _without_small(chunks: Iterable[str]) -> list[str]:
    result: list[str] = []
    for chunk in chunks:
        if len(chunk) < _SMALL and result:
            result[-1] += f"\n\n{chunk}"
        else:
            result.append(chunk)
    return result


def _by_sentence(content: str) -> list[str]:
    def cut(chunk: str) -> list[str]:
        return _packed(re.split(r"(?<=[.!?])\s+", chunk), " ", slack=1)

    return _cut(_packed(_paragraphs(content), "\n\n", slack=2), SIZE, cut)


def _by_letter(content: str) -> list[str]:
    chunks = []
    start = 0
    while start < len(content):
        end = start + SIZE
        space = content.rfind(" ", start, end)
        if end < len(content) and space > start + SIZE // 2:
            end = space
        chunks.append(content[start:end].strip())
        start = end - OVERLAP
    return list(filter(None, chunks))


def _paragraphs(content: str) -> Iterator[str]:
    return filter(None, (each.strip() for each in re.split(r"\n\n+", content)))


def _packed(pieces: Iterable[str], glue: str, size: int = SIZE, slack: int = 0) -> list[str]:
    """As many pieces in a chunk as fit; with no slack, the glue is forgotten in the reckoning."""
    chunks: list[str] = []
    for piece in pieces:
        if chunks and len(chunks[-1]) + len(piece) + slack <= size:
            chunks[-1] += glue + piece
        else:
            chunks.append(piece)
    return chunks


def _cut(chunks: Iterable[str], size: float, cut: Callable[[str], list[str]]) -> list[str]:
    return [part for chunk in chunks for part in (cut(chunk) if len(chunk) > size else [chunk])]


def stages(markdown: str) -> tuple[dict[str, str], list[str]]:
    """What the chunker of the stages reads as metadata, and its chunks."""
    metadata, body = _parted(markdown)
    chunks: list[str] = []
    chunk = ""
    for paragraph in filter(None, (each.strip() for each in body.split("\n\n"))):
        if not chunk or len(chunk) + len(paragraph) <= SIZE:
            chunk = f"{chunk}\n\n{paragraph}" if chunk else paragraph
            continue
        chunks.append(chunk)
        chunk = f"{' '.join(chunk.split()[-_OVERLAP_WORDS:])} {paragraph}"
        if len(chunk) > SIZE:
            chunks += _exploded(chunk)
            chunk = ""
    chunks += _exploded(chunk) if len(chunk) > SIZE else [chunk] if chunk else []
    return metadata, chunks


def _parted(markdown: str) -> tuple[dict[str, str], str]:
    lines = markdown.split("\n")
    if not lines[0].startswith("# "):
        return {}, markdown
    metadata = {"title": lines[0][2:].strip()}
    facts = next((n for n, line in enumerate(lines) if _is_section(line, "Information")), None)
    start = next(
        (n for n, line in enumerate(lines) if _is_section(line, "Content|Transcript")), None
    )
    for line in lines[facts + 1 :] if facts else ():
        if line.startswith("## "):
            break
        if found := re.match(r"- \*\*(.+?)\*\*:(.*)", line):
            metadata[found[1].strip().lower().replace(" ", "_")] = found[2].strip()
    if start is not None:
        return metadata, "\n".join(lines[start + 2 :])
    return metadata, _without_facts(lines) or markdown


def _is_section(line: str, words: str) -> bool:
    return line.startswith("## ") and re.search(words, line) is not None


def _without_facts(lines: list[str]) -> str:
    """Everything below the facts counts as facts, until a heading has one of a few words."""
    kept = []
    is_kept = True
    for line in lines[1:]:
        if _is_section(line.lower(), "information|metadata|properties|details"):
            is_kept = False
        elif _is_section(line.lower(), "content|transcript|text|body"):
            is_kept = True
        elif is_kept:
            kept.append(line)
    return "\n".join(kept).strip()


def _exploded(text: str) -> list[str]:
    """It goes back by the overlap even from the end, and so arrives there letter by letter."""
    chunks = []
    start = 0
    while start < len(text):
        end = min(start + SIZE, len(text))
        if end < len(text):
            stop = text.rfind(".", start, end)
            space = text.rfind(" ", start, end)
            end = stop + 1 if stop > start + SIZE // 2 else space if space > start else end
        chunks.append(text[start:end].strip())
        start = max(start + 1, end - OVERLAP)
    return list(filter(None, chunks))


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of the lines of a text."""

    cut: list[str] = field(default_factory=list)
    """With which a chunk ends before the line does."""
    lost: list[str] = field(default_factory=list)
    """Of which no chunk has any part."""


def fate_of(content: str, chunks: Iterable[str]) -> Fate:
    lines = [*filter(None, (each.strip() for each in content.split("\n")))]
    known = [*chunks]
    ends = [chunk.rpartition("\n")[2].strip() for chunk in known]
    cut = [end for end in ends if not any(f" {end}".endswith(f" {line}") for line in lines)]
    lost = [line for line in lines if not any(_is_in(line, chunk) for chunk in known)]
    return Fate(cut, lost)


def _is_in(line: str, chunk: str) -> bool:
    half = len(line) // 2
    return line[:half] in chunk or line[half:] in chunk


def time_of(chunk: str, metadata: Mapping[str, object]) -> str | None:
    """Which the coordinator writes beside a chunk: the first one in it, of audio and video only."""
    found = _ANY_TIME.search(chunk)
    is_timed = metadata.get("content_type") in {"audio", "video"}
    return found[1] if found and is_timed else None


def speakers_of(chunk: str, metadata: Mapping[str, object]) -> set[str]:
    is_spoken = metadata.get("content_type") in {"audio", "video"}
    return {one or other for one, other in _SPEAKER.findall(chunk)} if is_spoken else set()
