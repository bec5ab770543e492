"""A decoded recording on the disk: hours of it take no memory."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.pipelines.spoken.pcm import SAMPLE_RATE

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
    damaged_packets: int = 0
    """Could not be decoded; a few are usual in what was received over the air."""


@dataclass(frozen=True)
class Recording:
    """Mono at 16 kHz, 16-bit little-endian integers without a header."""

    path: Path
    source: Source

    @cached_property
    def _stored(self) -> npt.NDArray[np.int16]:
        return np.memmap(self.path, dtype="<i2", mode="r")

    @property
    def duration(self) -> float:
        """Seconds."""
        return len(self._stored) / SAMPLE_RATE

    def samples(self, start: float = 0.0, end: float | None = None) -> Samples:
        """One-dimensional, -1 to 1; `start` and `end` in seconds."""
        last = None if end is None else round(end * SAMPLE_RATE)
        part = self._stored[round(start * SAMPLE_RATE) : last]
        return part.astype(np.float32) / np.float32(_FULL_SCALE)
