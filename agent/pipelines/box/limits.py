"""What one stranger's file may cost."""

from dataclasses import dataclass

from agent.model.ids import Bytes, Seconds

_FOUR_GIB = Bytes(4 * 1024**3)
_TWO_HOURS, _ONE_HOUR, _TWO_MINUTES = Seconds(7200.0), Seconds(3600.0), Seconds(120.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    memory: Bytes = _FOUR_GIB
    """Of address space, shared libraries included: numpy and FFmpeg alone map half a GiB."""
    cpu: Seconds = _ONE_HOUR
    """Of all threads together."""
    written: Bytes = _FOUR_GIB
    """In the scratch folder, by one file and by all together."""
    files: int = 100_000
    """In the scratch folder, folders included."""
    stall: Seconds = _TWO_MINUTES
    """Between two signs of life."""
    wall: Seconds = _TWO_HOURS
    """From start to answer, whatever signs of life there are."""
