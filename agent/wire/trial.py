"""What both ends agree on for trying the path between them; an optional extension (section 12)."""

import hashlib
from collections.abc import Iterator
from functools import cache

from agent.wire.base import Body, Size

LARGEST = 64 * 2**20
"""Bytes of one trial, either way."""
LONGEST_SILENCE = 120.0
"""Seconds; middleboxes that forget later than that disturb nobody here."""
_BLOCK = 2**20


class TrialTaken(Body):
    size: Size
    """Bytes that arrived, and were thrown away."""


def etag_of(size: int) -> str:
    return f"trial-1-{size}"


def content(first: int, size: int) -> Iterator[bytes]:
    """`size` bytes of the one content that every trial has, from `first` on.

    Nothing on the way can make them smaller, and both ends know what they have to be.
    """
    block, at = _block(), first
    while at < first + size:
        start = at % _BLOCK
        piece = block[start : start + first + size - at]
        at += len(piece)
        yield piece


@cache
def _block() -> bytes:
    return hashlib.shake_256(b"a trial of the path").digest(_BLOCK)
