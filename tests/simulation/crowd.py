"""Many seeds, on all processors."""

import gc
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

from tests.simulation.morag import world as morag
from tests.simulation.world import run

Failure = tuple[int, tuple[str, ...]]
SHARE = 25
"""Seeds that a process takes at once."""


def failures(seeds: Sequence[int], processes: int, *, is_morag: bool = False) -> list[Failure]:
    """The seeds that went wrong, and how; with `is_morag` over a server without leases."""
    look = partial(failures_of, is_morag=is_morag)
    shares = [seeds[start : start + SHARE] for start in range(0, len(seeds), SHARE)]
    if processes == 1:
        return [failure for share in shares for failure in look(share)]
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
        return [failure for found in pool.map(look, shares) for failure in found]


def failures_of(seeds: Sequence[int], *, is_morag: bool) -> list[Failure]:
    found, live = [], morag.run if is_morag else run
    gc.freeze()  # What is there by now stays: the garbage of each world is found quickly.
    for seed in seeds:
        try:
            wrongs = live(seed).wrongs
        except Exception as error:  # noqa: BLE001 - a world that breaks is a failure like another
            wrongs = (f"the simulation broke: {error!r}",)
        if wrongs:
            found.append((seed, wrongs))
        gc.collect()
    return found
