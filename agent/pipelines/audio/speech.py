"""Where in a recording somebody speaks, found without understanding a word."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np

from agent.pipelines.audio.sound import WINDOW, blocks, is_silent, loudness
from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.recording import Recording, Samples
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.spans import united

_BLOCK = 5 * 60.0
"""Seconds that the detector sees at once; it takes about 12 MB a minute."""
_SHORTEST_PAUSE, _SHORTEST_WORD, _MARGIN = 0.5, 0.25, 0.2
"""Seconds: a shorter pause is part of speech, a shorter sound is none, and edges are soft."""
_ABOVE_NOISE = 10 ** (10 / 20)
"""Speech is at least that many times as loud as what goes on between."""
_NOISE_SHARE = 0.1

Detect = Callable[[Samples], Iterator[Span]]


@dataclass(frozen=True, slots=True)
class Speech:
    spans: tuple[Span, ...]
    """In order, without overlap; empty where nobody speaks."""
    detector: str
    """`silero`, or `loudness`, which takes all that is loud enough for speech."""
    is_silent: bool = False
    """Not even noise: a microphone that was off."""


def find_speech(recording: Recording, on_position: Callable[[float], None]) -> Speech:
    """Looks at a few minutes at a time, however long the recording is."""
    name, detect = _detector()
    found: list[Span] = []
    silent = True
    for start, samples in blocks(recording, Span(0.0, recording.duration), _BLOCK):
        on_position(start)
        if not is_silent(samples):
            silent = False
            found += (Span(start + span.start, start + span.end) for span in detect(samples))
    within = (Span(max(0.0, s.start), min(s.end, recording.duration)) for s in found)
    return Speech(united(within), name, silent)


def _detector() -> tuple[str, Detect]:
    if find_spec("faster_whisper") is not None:
        return "silero", _by_silero
    return "loudness", by_loudness


def _by_silero(samples: Samples) -> Iterator[Span]:
    """Silero VAD v6, as faster-whisper ships it (MIT): 0.14 % of one core."""
    from faster_whisper.vad import VadOptions, get_speech_timestamps

    options = VadOptions(
        min_silence_duration_ms=round(_SHORTEST_PAUSE * 1000),
        min_speech_duration_ms=round(_SHORTEST_WORD * 1000),
        speech_pad_ms=round(_MARGIN * 1000),
    )
    for found in get_speech_timestamps(samples, options):
        yield Span(found["start"] / SAMPLE_RATE, found["end"] / SAMPLE_RATE)


def by_loudness(samples: Samples) -> Iterator[Span]:
    """All that stands out from the quietest tenth; in steady loudness, everything."""
    levels = loudness(samples)
    noise = float(np.quantile(levels, _NOISE_SHARE))
    loud = levels > min(noise * _ABOVE_NOISE, float(levels.max()) / 2)
    edges = np.flatnonzero(np.diff(np.concatenate(([False], loud, [False])).astype(np.int8)))
    sounds = (
        Span(first * WINDOW - _MARGIN, last * WINDOW + _MARGIN)
        for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    )
    yield from (one for one in united(sounds, _SHORTEST_PAUSE) if one.length >= _SHORTEST_WORD)
