"""Recordings made of numbers, for tests that listen to nothing real."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.recording import Recording, Source
from agent.pipelines.spoken.span import Span

SOURCE = Source(duration=None, format="wav", codec="pcm", channels=1, sample_rate=SAMPLE_RATE)


def noisy(path: Path, seconds: float, *silences: tuple[float, float]) -> Recording:
    """Noise, with silence from and to these seconds."""
    samples = np.random.default_rng(1).standard_normal(int(seconds * SAMPLE_RATE)) * 0.1
    for start, end in silences:
        samples[int(start * SAMPLE_RATE) : int(end * SAMPLE_RATE)] = 0
    path.write_bytes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())
    return Recording(path, SOURCE)


def spans(*pairs: tuple[float, float]) -> tuple[Span, ...]:
    return tuple(Span(start, end) for start, end in pairs)


def pairs(found: Iterable[Span]) -> list[tuple[float, float]]:
    return [(round(span.start, 3), round(span.end, 3)) for span in found]
