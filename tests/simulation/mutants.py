"""Planted bugs: each replaces one thing of the real code for as long as it is switched on.

A simulation that misses one of them would miss its like in earnest.
"""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from tests.simulation import agent_mutants, disk_mutants, server_mutants
from tests.simulation.planting import Plant

MUTANTS: Mapping[str, Plant] = {
    plant.__name__: plant for plant in (*agent_mutants.ALL, *disk_mutants.ALL, *server_mutants.ALL)
}


@contextmanager
def planted(name: str) -> Iterator[None]:
    with ExitStack() as undo:
        MUTANTS[name](undo)
        yield


def meaning(name: str) -> str:
    return (MUTANTS[name].__doc__ or "").strip()
