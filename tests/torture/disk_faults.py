"""Every fsync, rename, write and unlink of one job's life goes wrong once, each in turn."""

import time
from collections import Counter
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from random import Random

from tests.torture.den import den_in
from tests.torture.disk_trial import Lane, Life, Wish
from tests.torture.injector import KINDS, Action
from tests.torture.judge import Score

LANES = 2
"""Trials at the same time, each beside a server of its own."""
SHARE = {Life.FRESH: 3, Life.RESUMED: 9}
"""One in so many where not all is wanted; but every kill before a call in a fresh job."""


def torture(
    folder: Path, seed: int, *, is_whole: bool, kinds: Collection[str] = tuple(KINDS)
) -> Score:
    score, began = Score("disk fault"), time.monotonic()
    wishes: SimpleQueue[Wish] = SimpleQueue()
    for life in Life:
        counts = _calls_in(folder / life, life)
        for wish in _wanted(life, counts, Random(seed), is_whole=is_whole):
            if wish.kind in kinds:
                wishes.put(wish)
    with ThreadPoolExecutor(LANES) as lanes:
        done = [lanes.submit(_work_off, folder / f"lane-{n}", score, wishes) for n in range(LANES)]
        for lane in done:
            lane.result()
    score.seconds = time.monotonic() - began
    return score


def _calls_in(folder: Path, life: Life) -> Counter[str]:
    """How many of each kind there are when nothing goes wrong."""
    folder.mkdir()
    with den_in(folder) as den:
        lane = Lane(den, Score("nothing"))
        counts = lane.dry_run(life)
        lane.close()
    return counts


def _wanted(life: Life, counts: Counter[str], rng: Random, *, is_whole: bool) -> Iterator[Wish]:
    for kind in KINDS:
        for number in range(1, counts[kind] + 1):
            for action in Action:
                is_certain = (life, action) == (Life.FRESH, Action.KILL_BEFORE)
                is_drawn = is_certain or rng.randrange(SHARE[life]) == 0
                if action.makes_sense_for(kind) and (is_whole or is_drawn):
                    yield Wish(life, kind, number, action)


def _work_off(folder: Path, score: Score, wishes: "SimpleQueue[Wish]") -> None:
    folder.mkdir()
    with den_in(folder) as den:
        lane = Lane(den, score)
        while True:
            try:
                lane.trial(wishes.get_nowait())
            except Empty:
                break
        lane.close()
