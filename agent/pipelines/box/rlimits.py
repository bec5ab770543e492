"""The limits of a box that every Unix knows."""

import resource

from agent.pipelines.box.limits import Limits

_CPU_GRACE = 60
"""The limit itself ends a box by SIGXCPU; whoever ignores that is killed so much later."""
_OPEN_FILES = 256


def limit_resources(limits: Limits, *, gpu: bool = False) -> None:
    """For good, once the capabilities are gone."""
    cpu = int(limits.cpu)
    _lower(resource.RLIMIT_CORE, 0)
    _lower(resource.RLIMIT_FSIZE, limits.written)
    _lower(resource.RLIMIT_NOFILE, _OPEN_FILES)
    _lower(resource.RLIMIT_CPU, cpu, cpu + _CPU_GRACE)
    if not gpu:
        # CUDA maps far more addresses than the machine has memory.
        _lower(resource.RLIMIT_AS, limits.memory)


def _lower(kind: int, soft: int, hard: int | None = None) -> None:
    """Never above what the owner has set for us already."""
    _, most = resource.getrlimit(kind)
    wanted = (soft, soft if hard is None else hard)
    if most != resource.RLIM_INFINITY:
        wanted = (min(wanted[0], most), min(wanted[1], most))
    resource.setrlimit(kind, wanted)
