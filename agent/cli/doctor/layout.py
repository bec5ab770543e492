"""What a person reads: groups of lines that fit the terminal and need no colour."""

import os
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path

from agent.cli.doctor.check import Result, Verdict
from agent.edges.display import in_words, printable

NARROWEST, WIDEST = 40, 100
_WORDS: Mapping[Verdict, str] = {
    Verdict.OK: "ok",
    Verdict.WARNING: "warning",
    Verdict.ERROR: "ERROR",
    Verdict.NOT_APPLICABLE: "-",
    Verdict.UNKNOWN: "unknown",
}
_COLOURS: Mapping[Verdict, str] = {
    Verdict.OK: "32",
    Verdict.WARNING: "33",
    Verdict.ERROR: "1;31",
    Verdict.UNKNOWN: "33",
}
_WORD_WIDTH = max(map(len, _WORDS.values()))


def lines(
    results: Sequence[Result], took: float, *, columns: int = 80, in_colour: bool = False
) -> Iterator[str]:
    """Group by group, and at last what it comes to."""
    width = max(NARROWEST, min(columns, WIDEST))
    names = max(len(result.check.name) for result in results)
    for group, members in groupby(results, key=lambda result: result.check.group):
        yield str(group)
        for result in members:
            yield from _entry(result, names, width, in_colour=in_colour)
        yield ""
    yield from _told(_summary(results, took), width)


def _entry(result: Result, names: int, width: int, *, in_colour: bool) -> Iterator[str]:
    finding = result.finding
    word = f"{_WORDS[finding.verdict]:<{_WORD_WIDTH}}"
    if in_colour and finding.verdict in _COLOURS:
        word = f"\033[{_COLOURS[finding.verdict]}m{word}\033[0m"
    start = f"  {word}  {result.check.name:<{names}}  "
    margin = " " * (2 + _WORD_WIDTH + 2 + names + 2)
    first, *others = _wrapped(finding.seen, width - len(margin)) or [""]
    yield start + first
    yield from (margin + line for line in others)
    for number, line in enumerate(_wrapped(finding.advice, width - len(margin) - 3)):
        yield f"{margin}{'   ' if number else '-> '}{line}"


def _wrapped(text: str, width: int) -> list[str]:
    plain = _shortened(printable(text))
    words = (piece for word in plain.split() for piece in _pieces(word, width))
    return textwrap.wrap(" ".join(words), width, break_on_hyphens=False)


def _pieces(word: str, width: int) -> Iterator[str]:
    """A path that is too long for a line goes on in the next one from a stroke on."""
    while len(word) > width:
        cut = word.rfind("/", 1, width) + 1 or width
        yield word[:cut]
        word = word[cut:]
    yield word


def _shortened(text: str) -> str:
    home = str(Path("~").expanduser())
    return text.replace(home + os.sep, "~" + os.sep) if len(home) > 1 else text


def _told(sentences: Iterable[str], width: int) -> Iterator[str]:
    for sentence in sentences:
        yield from textwrap.wrap(sentence, width, break_on_hyphens=False)


def _summary(results: Sequence[Result], took: float) -> Iterator[str]:
    counted = Counter(result.finding.verdict for result in results)
    kinds = ((Verdict.ERROR, "error"), (Verdict.WARNING, "warning"), (Verdict.UNKNOWN, "unknown"))
    for verdict, word in kinds:
        names = [result.check.name for result in results if result.finding.verdict is verdict]
        if names:
            yield f"{_counted(len(names), word)}: {', '.join(names)}."
    fine = counted[Verdict.OK]
    beside = counted[Verdict.NOT_APPLICABLE]
    yield f"{fine} fine, {beside} not applicable here; looked for {in_words(took)}."


def _counted(number: int, word: str) -> str:
    return f"{number} {word}{'' if number == 1 or word == 'unknown' else 's'}"
