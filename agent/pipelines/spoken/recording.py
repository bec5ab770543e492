"""A decoded recording on the disk: hours of it take no memory."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.pipelines.spoken.pcm import BYTES_PER_SAMPLE, BYTES_PER_SECOND, SAMPLE_RATE

Samples = npt.NDArray[np.float32]
_FULL_SCALE = 32768.0


@dataclass(frozen=True, slots=True)
class Source:
    """What the file says about itself; any of it may be absent or wrong."""

    duration: float | None
    format: str
    codec: str
    channels: int
    sample_rate: int
    tracks: int = 1
    """Of audio; one of them was recorded."""
    damaged_packets: int = 0
    """Could not be decoded; each costs some hundredths of a second."""


@dataclass(frozen=True, slots=True)
class Recording:
    """Mono at 16 kHz, 16-bit little-endian integers without a header."""

    path: Path
    source: Source

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.path.stat().st_size / BYTES_PER_SECOND

    def samples(self, start: float = 0.0, end: float | None = None) -> Samples:
        """One-dimensional, -1 to 1; `start` and `end` in seconds."""
        first = max(0, round(start * SAMPLE_RATE))
        count = -1 if end is None else max(0, round(end * SAMPLE_RATE) - first)
        # Read, not mapped: the pages of a mapped file would count as this process's memory.
        stored = np.fromfile(self.path, "<i2", count, offset=first * BYTES_PER_SAMPLE)
        return stored.astype(np.float32) / np.float32(_FULL_SCALE)
