"""Names topics by phrases of their own text: the one closest in meaning is the title."""

from collections.abc import Sequence
from dataclasses import dataclass

from agent.pipelines.topics.phrases import Phrase

_KEYWORDS = 5
_OPENING = 6
"""Words of the text that are the title where there is no phrase left."""
_WEIGHT = 0.4
"""Of how much a phrase is this topic's, beside how close to it it is in meaning."""


@dataclass(frozen=True, slots=True)
class Name:
    title: str
    keywords: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Candidates:
    """The phrases that one topic may be called by."""

    opening: str
    """What its text begins with."""
    phrases: tuple[Phrase, ...]
    likeness: Sequence[float]
    """Of each phrase's meaning to the whole topic's: cosine similarities."""


def names(topics: Sequence[Candidates]) -> tuple[Name, ...]:
    """One for each topic; no two have the same title."""
    taken: set[str] = set()
    return tuple(_name(topic, taken) for topic in topics)


def _name(topic: Candidates, taken: set[str]) -> Name:
    ranked = _apart(_ranked(topic))
    title = _title(ranked) or " ".join(topic.opening.split()[:_OPENING]).rstrip(".,;:!?")
    return Name(
        _unique(title[:1].upper() + title[1:], taken),
        tuple(phrase.text for phrase in ranked[:_KEYWORDS]),
    )


def _title(ranked: Sequence[Phrase]) -> str:
    """A phrase of several words says enough; a single one takes the next one along."""
    if not ranked or " " in ranked[0].text:
        return ranked[0].text if ranked else ""
    return " and ".join(phrase.text for phrase in ranked[:2])


def _ranked(topic: Candidates) -> list[Phrase]:
    heaviest = max((phrase.weight for phrase in topic.phrases), default=1.0)
    merit = {
        phrase: likeness + _WEIGHT * phrase.weight / heaviest
        for phrase, likeness in zip(topic.phrases, topic.likeness, strict=True)
    }
    return sorted(topic.phrases, key=lambda phrase: (-merit[phrase], phrase.key))


def _apart(ranked: Sequence[Phrase]) -> list[Phrase]:
    """Without those that share a word, or the beginning of one, with a better one."""
    chosen: list[Phrase] = []
    said: list[str] = []
    for phrase in ranked:
        words = phrase.key.split()
        if not any(_is_kin(word, other) for word in words for other in said):
            chosen.append(phrase)
            said += words
    return chosen


def _is_kin(word: str, other: str) -> bool:
    """As "heat" and "heating" are."""
    return word.startswith(other) or other.startswith(word)


def _unique(title: str, taken: set[str]) -> str:
    number, unique = 1, title
    while unique in taken:
        number += 1
        unique = f"{title} ({number})"
    taken.add(unique)
    return unique
