"""Cuts a transcript into topics and names them."""

import gc
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Protocol

import numpy as np

from agent.pipelines.spoken.transcript import Segment, Topic
from agent.pipelines.topics.passages import Passage, passages
from agent.pipelines.topics.phrases import phrases
from agent.pipelines.topics.segmentation import Vectors, cuts
from agent.pipelines.topics.titles import Candidates, Name, names

LANGUAGE = "en"
"""The model's only one. In others it hears names and loan words, and would cut anywhere."""
_SHORTEST = 4
"""Passages, some fifteen seconds: less is a remark."""
_PER_TOPIC = 6
"""Passages that a topic has on average at least: some half a minute."""


class Encoder(Protocol):
    def vectors(self, sentences: Sequence[str]) -> Vectors:
        """One per sentence, of length 1: close where the meaning is."""


class TopicFinder:
    """Loads its model with the first transcript."""

    def __init__(self, load: Callable[[], Encoder]) -> None:
        self._load = load
        self._encoder: Encoder | None = None

    @property
    def held(self) -> tuple[str, ...]:
        return ("all-MiniLM-L6-v2",) if self._encoder else ()

    def unload(self) -> None:
        """Give its memory back; the next transcript loads it again."""
        self._encoder = None
        gc.collect()

    def topics(self, segments: Sequence[Segment], language: str = LANGUAGE) -> tuple[Topic, ...]:
        """By time, without gaps between; none where there is but one, or not in English."""
        spoken = list(passages(segments))
        if language != LANGUAGE or len(spoken) < 2 * _SHORTEST:
            return ()
        self._encoder = self._encoder or self._load()
        vectors = self._encoder.vectors([passage.text for passage in spoken])
        begins = cuts(vectors, shortest=_SHORTEST, most=len(spoken) // _PER_TOPIC)
        if len(begins) == 1:
            return ()
        places = [slice(first, last) for first, last in pairwise([*begins, len(spoken)])]
        named = _named([spoken[place] for place in places], vectors, places, self._encoder)
        return tuple(
            Topic(spoken[place][0].start, spoken[place][-1].end, name.title, name.keywords)
            for place, name in zip(places, named, strict=True)
        )


def _named(
    topics: Sequence[Sequence[Passage]],
    vectors: Vectors,
    places: Sequence[slice],
    encoder: Encoder,
) -> tuple[Name, ...]:
    texts = [" ".join(passage.text for passage in topic) for topic in topics]
    candidates = []
    for text, place, found in zip(texts, places, phrases(texts), strict=True):
        middle = vectors[place].sum(0)
        meanings = encoder.vectors([phrase.text for phrase in found])
        likeness = meanings @ (middle / np.linalg.norm(middle))
        candidates.append(Candidates(text, found, likeness.tolist()))
    return names(candidates)
