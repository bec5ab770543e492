"""Finds where the subject changes in a sequence of vectors of meaning.

A stretch about one thing has vectors that point one way, so their sum is long. The cut that is
found maximises the lengths of all stretches' sums, less a penalty for each stretch; dynamic
programming finds it exactly.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

_PENALTY = 1.0
"""In units of one passage's vector: a stretch must gain more than this to be worth its cut."""
_STEEPER = 1.25
_LONGEST = 1500
"""Passages of one topic, some three hours: keeps twelve hours of speech from taking minutes."""
_BLOCK = 256
"""Ends that are compared with all their begins in one product of matrices."""

Vectors = npt.NDArray[np.float32]


def cuts(vectors: Vectors, *, shortest: int, most: int) -> tuple[int, ...]:
    """The place where each stretch begins, the first at 0; none without vectors.

    No stretch is shorter than `shortest` vectors, if there are as many; there are `most` at most.
    """
    if len(vectors) == 0:
        return ()
    lengths = list(_lengths(vectors))
    penalty = _PENALTY
    found = _best(lengths, shortest, penalty)
    while len(found) > max(1, most):
        penalty *= _STEEPER
        found = _best(lengths, shortest, penalty)
    return tuple(found)


def _lengths(vectors: Vectors) -> Iterator[Vectors]:
    """For every end: the length of the sum from each begin to there, of begins near enough."""
    sums = np.concatenate([np.zeros((1, vectors.shape[1])), np.cumsum(vectors, 0, np.float64)])
    squares = np.einsum("ij,ij->i", sums, sums)
    for low in range(1, len(sums), _BLOCK):
        high = min(low + _BLOCK, len(sums))
        near = max(0, low - _LONGEST)
        products = sums[low:high] @ sums[near:high].T
        apart = squares[low:high, None] + squares[near:high] - 2 * products
        rows = np.sqrt(np.maximum(apart, 0.0)).astype(np.float32)
        for row, end in zip(rows, range(low, high), strict=True):
            yield row[max(0, end - _LONGEST) - near : end - near].copy()


def _best(lengths: Sequence[Vectors], shortest: int, penalty: float) -> Sequence[int]:
    value = np.full(len(lengths) + 1, -np.inf)
    value[0] = 0.0
    begins = np.zeros(len(value), np.intp)
    for end in range(min(shortest, len(lengths)), len(value)):
        reach = lengths[end - 1]
        first, last = end - len(reach), max(1, end - shortest + 1)
        gains = value[first:last] + reach[: last - first] - penalty
        best = int(gains.argmax())
        value[end], begins[end] = gains[best], first + best
    return _backwards(begins)


def _backwards(begins: npt.NDArray[np.intp]) -> Sequence[int]:
    found = []
    end = len(begins) - 1
    while end > 0:
        end = int(begins[end])
        found.append(end)
    return found[::-1]
