"""Says where silence belongs, so that a moment of the recording is that moment of the file.

A track may start after the picture, and packets may be missing; without their time everything
that follows would be early.
"""

_TOLERANCE = 0.1
"""Seconds. Containers round their timestamps, and encoders pad."""
_LONGEST_UNBOUNDED_GAP = 600.0
"""Seconds that a gap may take in a file that does not say how long it is."""


class Timeline:
    """Fed with the pieces of one track in order; `start` and `length` are the whole file's."""

    def __init__(self, start: float | None, length: float | None) -> None:
        self._origin = start
        self._length = length
        self._position = 0.0

    def gap_before(self, moment: float | None, lasts: float) -> float:
        """Seconds of silence that belong before a piece with this timestamp; 0 mostly."""
        gap = 0.0 if moment is None else self._gap(moment)
        self._position += gap + lasts
        return gap

    def _gap(self, moment: float) -> float:
        if self._origin is None:
            self._origin = moment
        gap = moment - self._origin - self._position
        if abs(gap) <= _TOLERANCE:
            return 0.0
        if gap > 0 and self._is_believable(gap):
            return gap
        # The clock was set anew, or the timestamp is nonsense: go on from here.
        self._origin = moment - self._position
        return 0.0

    def _is_believable(self, gap: float) -> bool:
        if self._length is None:
            return gap <= _LONGEST_UNBOUNDED_GAP
        return self._position + gap <= self._length + _TOLERANCE
