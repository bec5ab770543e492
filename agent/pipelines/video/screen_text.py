"""What is written in the pictures of a video: each line once, from when it first appears."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher

_ALIKE = 0.85
"""Readers of text take one letter for another now and then, and titles fade in."""
_REMEMBERED = 2
"""Key frames for which a line may be hidden and still be the same one."""
_SHORTEST = 2
_NUMBER = re.compile(r"\b\d+\b")
"""By itself: a digit within a word is more likely a letter that was misread."""


@dataclass(frozen=True, slots=True)
class Reading:
    """All that can be read in one key frame, in reading order, with the line breaks."""

    time: float
    paragraphs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ScreenText:
    """Lines that appeared together."""

    time: float
    text: str


@dataclass(frozen=True, slots=True)
class _Remembered:
    line: str
    key_frame: int
    """The number of the last one in which it was seen."""


def merged(readings: Iterable[Reading]) -> tuple[ScreenText, ...]:
    """A line that stays, or grows by another one, is not told again."""
    memory: list[_Remembered] = []
    found: list[ScreenText] = []
    for number, reading in enumerate(readings):
        memory = [one for one in memory if number - one.key_frame <= _REMEMBERED]
        for paragraph in reading.paragraphs:
            text = " ".join(_fresh(paragraph.splitlines(), memory, number))
            if text:
                found.append(ScreenText(reading.time, text))
    return tuple(found)


def _fresh(lines: Sequence[str], memory: list[_Remembered], number: int) -> Iterator[str]:
    """Those that nobody remembers; `memory` learns of all."""
    for line in lines:
        if len(_plain(line)) < _SHORTEST:
            continue
        known = _place(line, memory)
        if known is None:
            memory.append(_Remembered(line, number))
            yield line.strip()
        else:
            memory[known] = replace(memory[known], key_frame=number)


def _place(line: str, memory: Sequence[_Remembered]) -> int | None:
    places = (place for place, one in enumerate(memory) if is_same(one.line, line))
    return next(places, None)


def is_same(one: str, other: str) -> bool:
    """But for a few letters; "Slide 3" is not "Slide 4"."""
    if _NUMBER.findall(one) != _NUMBER.findall(other):
        return False
    matcher = SequenceMatcher(None, _plain(one), _plain(other), autojunk=False)
    return matcher.real_quick_ratio() >= _ALIKE and matcher.ratio() >= _ALIKE


def _plain(line: str) -> str:
    """Letters and digits only, so that neither case nor blanks make a difference."""
    folded = unicodedata.normalize("NFKC", line).casefold()
    return "".join(character for character in folded if character.isalnum())
