"""Looks at samples without understanding them: silence, and good places to cut."""

from collections.abc import Iterator

import numpy as np

from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.recording import Recording, Samples
from agent.pipelines.spoken.span import Span

WINDOW = 0.1
"""Seconds over which loudness is measured."""
_WINDOW = round(WINDOW * SAMPLE_RATE)
_SILENCE = 10 ** (-60 / 20)
"""Root mean square of full scale; the quietest usable recordings of speech reach -45 dB."""

LONGEST_BLOCK = 10 * 60.0
"""Seconds. The engines hold several copies of what they are given: about 35 MB a minute."""
_SEARCHED = 30.0
"""Seconds before the limit in which the cut may fall."""


def is_silent(samples: Samples) -> bool:
    return bool(loudness(samples).max(initial=0.0) < _SILENCE)


def blocks(
    recording: Recording, stretch: Span, longest: float = LONGEST_BLOCK
) -> Iterator[tuple[float, Samples]]:
    """All of `stretch` in order, each part with its start in seconds, cut where it is quietest."""
    start = stretch.start
    while stretch.end - start > longest:
        cut = _quietest_place(recording, start + longest)
        yield start, recording.samples(start, cut)
        start = cut
    yield start, recording.samples(start, stretch.end)


def _quietest_place(recording: Recording, limit: float) -> float:
    first = limit - _SEARCHED
    quietest = int(np.argmin(loudness(recording.samples(first, limit))))
    return first + (quietest + 0.5) * WINDOW


def loudness(samples: Samples) -> Samples:
    """Root mean square of each window; an incomplete one at the end counts as whole."""
    padded = np.pad(samples, (0, -len(samples) % _WINDOW))
    windows = padded.reshape(-1, _WINDOW)
    level: Samples = np.sqrt(np.einsum("ij,ij->i", windows, windows) / _WINDOW)
    return level
