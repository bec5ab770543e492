"""What one stranger's file may cost."""

from dataclasses import dataclass

from agent.model.ids import Bytes, Seconds

_FOUR_GIB = Bytes(4 * 1024**3)
_ONE_HOUR, _TWO_MINUTES = Seconds(3600.0), Seconds(120.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    memory: Bytes = _FOUR_GIB
    """Of address space, shared libraries included: numpy and FFmpeg alone map half a GiB."""
    cpu: Seconds = _ONE_HOUR
    """Of all threads together."""
    written: Bytes = _FOUR_GIB
    """Of one file in the scratch folder."""
    stall: Seconds = _TWO_MINUTES
    """Between two signs of life."""
