"""Short texts on different subjects, written for the tests, and how well they are told apart."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from agent.pipelines.spoken.transcript import Segment

_FOLDER = Path(__file__).parent / "pipelines" / "topics" / "articles"
_WORDS_PER_SECOND = 2.5


@dataclass(frozen=True, slots=True)
class Article:
    title: str
    sentences: tuple[str, ...]


def articles(language: str = "en") -> list[Article]:
    parts = (_FOLDER / f"{language}.txt").read_text("utf-8").split("# ")[1:]
    lines = [part.strip().splitlines() for part in parts]
    return [Article(title, tuple(sentences)) for title, *sentences in lines]


def joined(chosen: Sequence[Article]) -> tuple[tuple[Segment, ...], list[float]]:
    """As if somebody read them out one after the other; and when each one begins."""
    segments, begins = [], []
    clock = 0.0
    for article in chosen:
        begins.append(clock)
        for sentence in article.sentences:
            end = clock + len(sentence.split()) / _WORDS_PER_SECOND
            segments.append(Segment(clock, end, sentence))
            clock = end
    return tuple(segments), begins


def excerpts(seed: int) -> list[Article]:
    """All articles in random order, four to nine sentences out of each."""
    chance = random.Random(seed)
    chosen = articles()
    chance.shuffle(chosen)
    return [_excerpt(article, chance) for article in chosen]


def _excerpt(article: Article, chance: random.Random) -> Article:
    length = chance.randint(4, 9)
    first = chance.randint(0, len(article.sentences) - length)
    return Article(article.title, article.sentences[first : first + length])


def places(begins: Sequence[float], segments: Sequence[Segment]) -> list[int]:
    """Which segments begin at these seconds."""
    starts = [segment.start for segment in segments]
    return [starts.index(begin) for begin in begins]


def pk(truth: Sequence[int], found: Sequence[int], length: int) -> float:
    """Beeferman's: how often two places, half a true topic apart, are wrongly taken for one or two.

    Topics are given by the places at which they begin; 0 is perfect.
    """
    width = _width(truth, length)
    wrong = (
        (_cuts(truth, place, width) > 0) != (_cuts(found, place, width) > 0)
        for place in range(length - width)
    )
    return sum(wrong) / (length - width)


def window_diff(truth: Sequence[int], found: Sequence[int], length: int) -> float:
    """Pevzner and Hearst's: how often the number of cuts between two such places is wrong."""
    width = _width(truth, length)
    wrong = (
        _cuts(truth, place, width) != _cuts(found, place, width) for place in range(length - width)
    )
    return sum(wrong) / (length - width)


def _width(truth: Sequence[int], length: int) -> int:
    return max(1, round(length / len(set(truth) | {0}) / 2))


def _cuts(begins: Sequence[int], place: int, width: int) -> int:
    return sum(place < begin <= place + width for begin in begins)
