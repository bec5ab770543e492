"""The phrases that could name a topic: words of its own text that it uses and the others do not."""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.pipelines.topics.words import STOP_WORDS

_LONGEST = 3
"""Words of a phrase."""
_CANDIDATES = 24
"""Of each topic: what is left to choose among by meaning."""
_SHORTEST = 3
"""Letters of a word."""
_PLURALS = (("ies", "y"), ("sses", "ss"), ("ss", "ss"), ("us", "us"), ("is", "is"), ("s", ""))
_CURLY = "\u2019"
_WORD = re.compile(r"[^\W_]+(?:['\u2019-][^\W_]+)*")
_BREAK = re.compile(r"[.,;:!?…()\[\]\"\u201c\u201d«»\u2013\u2014]|\s-\s")


@dataclass(frozen=True, slots=True)
class Phrase:
    text: str
    """As it is most often written."""
    key: str
    """The same for other cases and for plurals."""
    weight: float
    """More is more of this topic and less of the others."""


def phrases(texts: Sequence[str]) -> tuple[tuple[Phrase, ...], ...]:
    """Those of each text, the heaviest first."""
    counted = [_counted(text) for text in texts]
    spread = Counter(key for counts in counted for key in counts)
    return tuple(_ranked(counts, spread, len(texts)) for counts in counted)


def _counted(text: str) -> dict[str, Counter[str]]:
    """How often each phrase is written in which way."""
    counts: dict[str, Counter[str]] = {}
    for clause in _BREAK.split(text):
        for written in _runs(_WORD.findall(clause)):
            counts.setdefault(_key(written), Counter())[written] += 1
    return counts


def _runs(words: Sequence[str]) -> Iterator[str]:
    """Every run of content words."""
    for first in range(len(words)):
        for last in range(first + 1, min(first + _LONGEST, len(words)) + 1):
            if not _is_content(words[last - 1]):
                break
            yield " ".join(words[first:last])


def _is_content(word: str) -> bool:
    plain = word.lower().replace(_CURLY, "'")
    return len(word) >= _SHORTEST and not word.isdigit() and plain not in STOP_WORDS


def _key(phrase: str) -> str:
    return " ".join(_stem(word) for word in phrase.lower().replace(_CURLY, "'").split())


def _stem(word: str) -> str:
    """Without the ending of a plural, near enough to count by."""
    word = word.removesuffix("'s")
    for ending, instead in _PLURALS:
        if word.endswith(ending) and len(word) - len(ending) >= _SHORTEST - 1:
            return word.removesuffix(ending) + instead
    return word


def _ranked(
    counts: dict[str, Counter[str]], spread: Counter[str], texts: int
) -> tuple[Phrase, ...]:
    found = []
    for key, written in counts.items():
        length, often = len(key.split()), written.total()
        if length > 1 and often == 1 and not _is_name(written):
            continue  # two words that met once are no term
        text = min(written, key=lambda way: (-written[way], not way.islower(), way))
        weight = often * math.log(1 + texts / spread[key]) * (1 + 0.5 * (length - 1))
        found.append(Phrase(text, key, weight))
    found.sort(key=lambda phrase: (-phrase.weight, phrase.key))
    return tuple(found[:_CANDIDATES])


def _is_name(written: Counter[str]) -> bool:
    return all(word[0].isupper() for text in written for word in text.split())
