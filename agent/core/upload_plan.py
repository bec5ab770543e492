"""How an artifact goes up: in parts that the link carries in a few seconds.

The law: every byte is acknowledged before the upload counts as whole. Where to go on is the
server's word alone; a plan never assumes that a part arrived.
"""

from dataclasses import dataclass

from agent.model.ids import Bytes, Seconds

FIRST_PART = Bytes(1024 * 1024)
LARGEST_PART = Bytes(8 * 1024 * 1024)
"""What a proxy that buffers whole requests can lose; also what a part takes in memory."""
SMALLEST_PART = Bytes(16 * 1024)
QUICK = Seconds(2.0)
SLOW = Seconds(20.0)


@dataclass(frozen=True, slots=True)
class SendPart:
    offset: Bytes
    length: Bytes


@dataclass(frozen=True, slots=True)
class UploadWhole:
    """The server has every byte."""


Step = SendPart | UploadWhole


class UploadPlan:
    def __init__(self, size: Bytes) -> None:
        self._size = size
        self._part = FIRST_PART
        self._largest = LARGEST_PART

    @property
    def is_at_smallest(self) -> bool:
        return self._part == SMALLEST_PART

    def next_step(self, offset: Bytes) -> Step:
        """What to send when the server says that it has `offset` bytes."""
        if offset >= self._size:
            return UploadWhole()
        return SendPart(offset, Bytes(min(self._part, self._size - offset)))

    def on_sent(self, took: Seconds) -> None:
        if took < QUICK:
            self._resize(self._part * 2)
        elif took > SLOW:
            self._resize(self._part // 2)

    def on_lost(self) -> None:
        """Nothing of a part arrived: perhaps only whole ones do, and this link breaks too soon."""
        self._resize(self._part // 2)

    def on_too_large(self) -> None:
        """Something on the way refuses parts of this size (413)."""
        self._largest = Bytes(max(SMALLEST_PART, self._part // 2))
        self._resize(self._largest)

    def _resize(self, part: int) -> None:
        self._part = Bytes(max(SMALLEST_PART, min(self._largest, part)))
