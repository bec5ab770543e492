"""Where the subject changes: joined excerpts of articles on different subjects, beside two rivals.

Every sentence is a passage. Pk and WindowDiff are means over the orders; lower is better.
"""

import re
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from statistics import mean

import numpy as np
import numpy.typing as npt

from agent.model.work import PipelineSettings
from agent.pipelines.spoken.transcript import Segment
from agent.pipelines.topics.finder import TopicFinder
from agent.pipelines.topics.loading import load_topic_finder
from agent.pipelines.topics.words import STOP_WORDS
from tests.articles import excerpts, joined, pk, places, window_diff
from tests.benchmarks.report import Figure

ORDERS = 20
BAR_PK = 0.2
_CONTEXT = 4
"""Sentences on each side of a gap that TextTiling compares."""


def measure(_folder: Path) -> list[Figure]:
    finder = load_topic_finder(PipelineSettings())
    rates: dict[str, list[tuple[float, float]]] = {"ours": [], "tiling": [], "even": []}
    spent = sentences = 0.0
    for seed in range(ORDERS):
        segments, begins = joined(excerpts(seed))
        truth, count = places(begins, segments), len(segments)
        started = time.process_time()
        ours = _found(finder, segments)
        spent += time.process_time() - started
        sentences += count
        rates["ours"].append(_rates(truth, ours, count))
        rates["tiling"].append(_rates(truth, _tiling(segments, len(truth)), count))
        rates["even"].append(_rates(truth, _even(count, len(truth)), count))
    return [*_figures(rates), Figure("… sentences a second", sentences / spent, 25, "/s", "bar")]


def _figures(rates: dict[str, list[tuple[float, float]]]) -> list[Figure]:
    figures = []
    for place, measure_name in enumerate(("Pk", "WindowDiff")):
        ours, tiling, even = (mean(pair[place] for pair in pairs) for pairs in rates.values())
        name = f"topics, {measure_name}, {ORDERS} orders of 12 excerpts"
        figures += [
            Figure(name, ours, BAR_PK, "", "bar"),
            Figure("… beside TextTiling that is told the number", ours, tiling, "", "rival"),
            Figure("… beside even parts of that number", ours, even, "", "rival"),
        ]
    return figures


def _rates(truth: Sequence[int], found: Sequence[int], count: int) -> tuple[float, float]:
    return pk(truth, found, count), window_diff(truth, found, count)


def _found(finder: TopicFinder, segments: Sequence[Segment]) -> list[int]:
    return places([topic.start for topic in finder.topics(segments)] or [0.0], segments)


def _even(count: int, topics: int) -> list[int]:
    return [round(number * count / topics) for number in range(topics)]


def _tiling(segments: Sequence[Segment], topics: int) -> list[int]:
    """Hearst's: the deepest valleys of likeness between what is before and after a gap."""
    vectors = _tf_idf([segment.text for segment in segments])
    likeness = np.ones(len(segments))
    for gap in range(1, len(segments)):
        before = vectors[max(0, gap - _CONTEXT) : gap].sum(0)
        after = vectors[gap : gap + _CONTEXT].sum(0)
        lengths = np.linalg.norm(before) * np.linalg.norm(after)
        likeness[gap] = before @ after / max(float(lengths), 1e-9)
    depths = [_depth(likeness, gap) for gap in range(1, len(segments))]
    deepest = np.argsort(-np.array(depths), kind="stable")[: topics - 1] + 1
    return [0, *sorted(deepest.tolist())]


def _depth(likeness: npt.NDArray[np.float64], gap: int) -> float:
    """How far it is down to this gap from the tops on both sides."""
    left = _top(likeness[gap:0:-1])
    right = _top(likeness[gap:])
    return left + right - 2 * float(likeness[gap])


def _top(slope: npt.NDArray[np.float64]) -> float:
    """The height at which it first goes down again."""
    falls = np.flatnonzero(np.diff(slope) < 0)
    return float(slope[falls[0]] if len(falls) else slope[-1])


def _tf_idf(texts: Sequence[str]) -> npt.NDArray[np.float64]:
    counts = [Counter(set(re.findall(r"[a-z]+", t.lower())) - STOP_WORDS) for t in texts]
    spread = Counter(word for count in counts for word in count)
    columns = {word: column for column, word in enumerate(sorted(spread))}
    vectors = np.zeros((len(texts), len(columns)))
    for row, count in enumerate(counts):
        for word, often in count.items():
            vectors[row, columns[word]] = often * np.log(len(texts) / spread[word])
    return vectors
