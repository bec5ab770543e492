"""How a bug is planted."""

from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

from tests.simulation.edge import put

Plant = Callable[[ExitStack], None]


def replace_with(undo: ExitStack, target: Any, name: str, make: Callable[[Any], object]) -> None:
    """`make` is given what was there, and gives what takes its place."""
    put(target, name, make(getattr(target, name)), undo)
