"""Looks at samples without understanding them: silence, and good places to cut."""

from collections.abc import Iterator

import numpy as np

from agent.pipelines.audio.decoding import Samples
from agent.pipelines.audio.pcm_stream import SAMPLE_RATE

_WINDOW = SAMPLE_RATE // 10
_SILENCE = 10 ** (-60 / 20)
"""Root mean square of full scale; the quietest usable recordings of speech reach -45 dB."""

LONGEST_BLOCK = 10 * 60
"""Seconds. The engines hold several copies of what they are given: about 35 MB a minute."""
_SEARCHED = 30
"""Seconds before the limit in which the cut may fall."""


def is_silent(samples: Samples) -> bool:
    return bool(_loudness(samples).max(initial=0.0) < _SILENCE)


def blocks(samples: Samples, longest: int = LONGEST_BLOCK) -> Iterator[tuple[float, Samples]]:
    """Views of `samples` in order, with their start in seconds, cut where it is quietest."""
    start = 0
    while len(samples) - start > longest * SAMPLE_RATE:
        end = _quietest_place(samples, start + longest * SAMPLE_RATE)
        yield start / SAMPLE_RATE, samples[start:end]
        start = end
    yield start / SAMPLE_RATE, samples[start:]


def _quietest_place(samples: Samples, limit: int) -> int:
    first = limit - _SEARCHED * SAMPLE_RATE
    quietest = int(np.argmin(_loudness(samples[first:limit])))
    return first + quietest * _WINDOW + _WINDOW // 2


def _loudness(samples: Samples) -> Samples:
    """Root mean square of each tenth of a second; an incomplete one at the end counts as whole."""
    padded = np.pad(samples, (0, -len(samples) % _WINDOW))
    windows = padded.reshape(-1, _WINDOW)
    loudness: Samples = np.sqrt(np.einsum("ij,ij->i", windows, windows) / _WINDOW)
    return loudness
