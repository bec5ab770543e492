"""The few things that all models on torch need."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """For a single small picture more are slower, on a busy machine twentyfold."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def best_device(wanted: str) -> str:
    """`wanted` is the settings' word: `auto`, `cuda` or `cpu`."""
    return "cuda" if wanted != "cpu" and torch.cuda.is_available() else "cpu"


def as_unit_vector(features: torch.Tensor) -> tuple[float, ...]:
    unit = torch.nn.functional.normalize(features.float().flatten(), dim=0)
    return tuple(round(value, 6) for value in unit.tolist())
