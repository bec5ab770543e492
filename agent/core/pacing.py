"""How fast bytes may go, smoothly: a piece at a time, each when those before it are paid for.

The law: within any second at most the limit and a quarter go, and one piece; whoever asks all the
time gets the limit. Pieces that ask in turn share it evenly, however many transfers they are of.
"""

from agent.model.ids import Bytes, Instant, Seconds

CREDIT = Seconds(0.25)
"""How much of the time that nobody used may be made up for."""
PIECES = 16
"""In a second."""
SMALLEST_PIECE, LARGEST_PIECE = 256, 64 * 1024


class Pacer:
    """One direction of the link; all transfers of that direction ask the same one."""

    def __init__(self, rate: int) -> None:
        """`rate`: bytes a second."""
        self._rate = rate
        self._free_at: Instant | None = None
        self.piece = Bytes(max(SMALLEST_PIECE, min(LARGEST_PIECE, rate // PIECES)))
        """The most that may ask at once."""

    def reserve(self, size: int, now: Instant) -> Instant:
        """When `size` bytes may go; that time is theirs, and the next ones come after it."""
        begin = now if self._free_at is None else Instant(max(self._free_at, now - CREDIT))
        self._free_at = Instant(begin + size / self._rate)
        return max(begin, now)
