"""Models leave the GPU in the middle of a computation, and come back to it before it goes on."""

from collections.abc import Iterable
from typing import Protocol, runtime_checkable


@runtime_checkable
class Movable(Protocol):
    """What may hold memory of a GPU. What has no such methods never does."""

    def leave_gpu(self) -> bool:
        """Give the memory back; False where that cannot be done just now.

        Whoever computes with it waits until it is back.
        """

    def return_to_gpu(self) -> None:
        """As it was before. Raises what the library raises where there is no room any more."""


def leave_gpu(models: Iterable[object]) -> bool:
    """All of them that can, even if one of them cannot."""
    have_left = [model.leave_gpu() for model in models if isinstance(model, Movable)]
    return all(have_left)


def return_to_gpu(models: Iterable[object]) -> None:
    for model in models:
        if isinstance(model, Movable):
            model.return_to_gpu()
