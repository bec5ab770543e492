"""Looks at samples without understanding them: silence, and good places to cut."""

from collections.abc import Iterator

import numpy as np

from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.recording import Recording, Samples
from agent.pipelines.spoken.span import Span

WINDOW = 0.1
"""Seconds over which loudness is measured."""
_WINDOW = round(WINDOW * SAMPLE_RATE)
SILENCE = 10 ** (-60 / 20)
"""Root mean square of full scale; the quietest usable recordings of speech reach -45 dB."""

LONGEST_BLOCK = 10 * 60.0
"""Seconds. The engines hold several copies of what they are given: about 35 MB a minute."""
_SEARCHED = 30.0
"""Seconds before the limit in which the cut may fall."""


def is_silent(samples: Samples) -> bool:
    return bool(loudness(samples).max(initial=0.0) < SILENCE)


def blocks(recording: Recording, stretch: Span, longest: float = LONGEST_BLOCK) -> Iterator[Span]:
    """`stretch` in parts that follow one another, cut where it is quietest."""
    start = stretch.start
    while stretch.end - start > longest:
        limit = start + longest
        cut = _quietest_moment(recording, Span(limit - min(_SEARCHED, longest / 2), limit))
        yield Span(start, cut)
        start = cut
    yield Span(start, stretch.end)


def _quietest_moment(recording: Recording, within: Span) -> float:
    quietest = int(np.argmin(loudness(recording.samples(within.start, within.end))))
    return within.start + (quietest + 0.5) * WINDOW


def loudness(samples: Samples) -> Samples:
    """Root mean square of each window; an incomplete one at the end counts as whole."""
    padded = np.pad(samples, (0, -len(samples) % _WINDOW))
    windows = padded.reshape(-1, _WINDOW)
    level: Samples = np.sqrt(np.einsum("ij,ij->i", windows, windows) / _WINDOW)
    return level
