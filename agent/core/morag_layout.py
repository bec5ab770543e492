"""Lays Markdown out so that MoRAG's chunkers, which cut at 4000 letters, never cut within a line.

They part a text at blank lines, at lines that begin with a time, or at headings; a paragraph that
is too long for a chunk is cut wherever its 4000th letter is, and one of the chunkers then writes
its last two hundred letters two hundred times.
"""

import re
from collections.abc import Iterable, Iterator

_MOST = 3000
"""Letters of a paragraph. The rest of a chunk is for what the chunkers put before it: the heading
again, or the last words of the chunk before."""
_MARK = re.compile(r"\[\d{1,3}:\d\d(?::\d\d)?\](?:\[[^\]\n]{1,80}\])? ?|> ?")
"""The time and the speaker of a line, or that it is quoted: true of each part of it."""
_SENTENCE_END = re.compile(r"[.!?…](?=\s)|[\u3002\uff01\uff1f]")
_TABLE_RULE = re.compile(r"\|[ :|-]+\|[ \t]*")


def in_short_paragraphs(markdown: str) -> str:
    """Nothing is taken away; long paragraphs are parted at line ends, and longer lines broken."""
    lines = [part for line in markdown.split("\n") for part in _broken(line)]
    return "\n".join(_parted(lines))


def in_short_sections(markdown: str) -> str:
    """A `## ` section that is too long for a chunk goes on below its headings, said once more."""
    return "\n\n".join(_with_headings(markdown.split("\n\n")))


def _broken(line: str) -> Iterator[str]:
    if len(line) <= _MOST:
        yield line
        return
    found = _MARK.match(line)
    mark = found[0] if found else ""
    rest = line[len(mark) :]
    while rest:
        room = _MOST - len(mark)
        at = _break_in(rest[:room]) if len(rest) > room else len(rest)
        yield mark + rest[:at].rstrip()
        rest = rest[at:].lstrip()


def _break_in(text: str) -> int:
    """After a sentence, or else a word, of the second half; a text without either is cut."""
    half = len(text) // 2
    ends = [found.end() for found in _SENTENCE_END.finditer(text, half)]
    return ends[-1] if ends else max(text.rfind(" ", half), 0) or len(text)


def _parted(lines: list[str]) -> Iterator[str]:
    length = 0
    header: tuple[str, ...] = ()
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if not line.strip():
            length, header = 0, ()
        elif not length and _TABLE_RULE.fullmatch(below):
            header = _header(line, below)
        if length and length + len(line) > _MOST:
            repeated = header if line.startswith("|") else ()
            yield from ("", *repeated)
            length = sum(map(len, repeated))
        length += len(line) + 1 if line.strip() else 0
        yield line


def _header(line: str, below: str) -> tuple[str, ...]:
    """Of a table, for its further parts; a table of very many columns goes on without."""
    return (line, below) if len(line) + len(below) < _MOST // 3 else ()


def _with_headings(paragraphs: Iterable[str]) -> Iterator[str]:
    length, section, part = 0, "", ""
    for paragraph in paragraphs:
        first = paragraph.strip("\n").partition("\n")[0]
        is_section, is_part = first.startswith("## "), first.startswith("### ")
        if is_section:
            length, section, part = 0, first, ""
        elif section and length and length + len(paragraph) > _MOST:
            yield from [section] if is_part or not part else [section, part]
            length = 0
        if is_part:
            part = first
        length += (
            0 if paragraph.strip() == first and (is_section or is_part) else len(paragraph) + 2
        )
        yield paragraph
