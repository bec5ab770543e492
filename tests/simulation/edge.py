"""The one place where the simulation reaches into the program: dice, clocks, sizes, the disk.

What is replaced here is what no argument of the program's carries: the system's randomness, its
clocks, its `fsync`, and sizes that would need megabytes to come into play.
"""

import gc
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import structlog

from agent.core import upload_plan
from agent.edges import clock, partial_file, problems
from agent.runtime import deliver
from agent.server import receiving, sending
from tests.simulation import loop as loops
from tests.simulation.clocks import BootTime, wall
from tests.simulation.disk import Disk, watched

KIB = 1024
SIZES: tuple[tuple[ModuleType, str, int], ...] = (
    (upload_plan, "FIRST_PART", 24 * KIB),
    (deliver, "FIRST_PART", 24 * KIB),
    (upload_plan, "LARGEST_PART", 64 * KIB),
    (upload_plan, "SMALLEST_PART", 4 * KIB),
    (partial_file, "BATCH", 16 * KIB),
    (receiving, "BLOCK", 16 * KIB),
    (sending, "BLOCK", 32 * KIB),
)
SHARED_MEMORY = Path("/dev/shm")  # noqa: S108 - a folder of our own in it


def put(target: Any, name: str, value: object, undo: ExitStack) -> None:
    """Replace an attribute that must be there, until `undo` closes."""
    before = getattr(target, name)
    setattr(target, name, value)
    undo.callback(setattr, target, name, before)


@contextmanager
def controlled(loop: loops.SimulationLoop, seed: int, disk: Disk) -> Iterator[None]:
    """Everything that the program asks the system for comes from the seed."""
    dice = Random(f"{seed}/secrets")
    with ExitStack() as undo:
        undo.enter_context(watched(disk))
        put(secrets, "token_hex", lambda size=16: dice.randbytes(size).hex(), undo)
        put(secrets, "token_urlsafe", lambda size=16: dice.randbytes(size).hex(), undo)
        put(clock, "time", BootTime(loop), undo)
        put(problems, "datetime", _datetime_of(loop), undo)
        for module, name, size in SIZES:
            put(module, name, size, undo)
        undo.enter_context(_without_gc())
        yield


def _datetime_of(loop: loops.SimulationLoop) -> type[datetime]:
    class Now(datetime):
        @classmethod
        def now(cls, tz: Any = UTC) -> datetime:  # type: ignore[override]
            return datetime.fromtimestamp(wall(loop), tz)

    return Now


@contextmanager
def _without_gc() -> Iterator[None]:
    """When garbage is found depends on what ran before, and finalizers schedule callbacks."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


@contextmanager
def logs_to(sink: Callable[[str, Mapping[str, Any]], None], level: int) -> Iterator[None]:
    """What the program logs from `level` on goes to `sink` and nowhere else."""
    before = structlog.get_config()

    def tell(_logger: object, said: str, event: MutableMapping[str, Any]) -> str:
        sink(said, event)
        raise structlog.DropEvent

    structlog.configure(
        processors=[structlog.contextvars.merge_contextvars, tell],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        cache_logger_on_first_use=False,
    )
    try:
        yield
    finally:
        structlog.configure(**before)


@contextmanager
def folder() -> Iterator[Path]:
    """In memory where there is such a place: thousands of worlds write thousands of files."""
    where = SHARED_MEMORY if SHARED_MEMORY.is_dir() else None
    with tempfile.TemporaryDirectory(prefix="simulation-", dir=where) as name:
        yield Path(name)
