"""Where in a recording somebody speaks, found without understanding a word."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import numpy.typing as npt

from agent.pipelines.audio.sound import SILENCE, WINDOW, loudness
from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.recording import Recording, Samples
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.spans import total, united

_PIECE = 60.0
"""Seconds that the detector sees at once; it takes about 45 MB a minute."""
_FRAME = 512 / SAMPLE_RATE
"""Seconds that one of silero's probabilities stands for."""
_RUN_UP = 64 * _FRAME
"""Before each piece, for the model to hear again: it remembers nothing between two."""
_ENTER, _LEAVE = 0.5, 0.35
"""Speech begins above the one and ends below the other."""
_SHORTEST_PAUSE, _SHORTEST_WORD = 0.5, 0.25
"""Seconds: a shorter pause is part of speech, and a shorter sound is none."""
_ABOVE_NOISE = 10 ** (10 / 20)
"""Speech is at least that many times as loud as what goes on between."""
_NOISE_SHARE = 0.1
_REQUIRED = ("faster_whisper", "onnxruntime")

OnPosition = Callable[[float], None]
Levels = npt.NDArray[np.floating]


@dataclass(frozen=True, slots=True)
class Speech:
    spans: tuple[Span, ...]
    """In order, without overlap; empty where nobody speaks."""
    detector: str
    """`silero`, or `loudness`, which takes all that is loud enough for speech."""
    is_silent: bool = False
    """Not even noise: a microphone that was off."""

    @property
    def seconds(self) -> float:
        return total(self.spans)


def speech_spans(recording: Recording) -> tuple[Span, ...]:
    return find_speech(recording).spans


def find_speech(recording: Recording, on_position: OnPosition = lambda _seconds: None) -> Speech:
    """Looks at a minute at a time, however long the recording is."""
    if all(find_spec(module) is not None for module in _REQUIRED):
        return _by_silero(recording, on_position)
    return _by_loudness(recording, on_position)


def _by_silero(recording: Recording, on_position: OnPosition) -> Speech:
    """Silero VAD v6, as faster-whisper ships it (MIT): 0.3 % of one core."""
    from faster_whisper.vad import get_vad_model

    model = get_vad_model()  # two megabytes, which the library keeps
    loudest = 0.0
    found: list[Levels] = []
    for start, samples in _pieces(recording, _RUN_UP, on_position):
        loudest = max(loudest, float(loudness(samples).max(initial=0.0)))
        padded = np.pad(samples, (0, -len(samples) % round(_FRAME * SAMPLE_RATE)))
        found.append(model(padded).reshape(-1)[round(min(start, _RUN_UP) / _FRAME) :])
    spans = _spoken(_joined(found), _FRAME, recording.duration)
    return Speech(spans, "silero", is_silent=loudest < SILENCE)


def _by_loudness(recording: Recording, on_position: OnPosition) -> Speech:
    """All that stands out from the quietest tenth; in steady loudness, everything."""
    levels = _joined([loudness(samples) for _, samples in _pieces(recording, 0.0, on_position)])
    loudest = float(levels.max(initial=0.0))
    if loudest < SILENCE:
        return Speech((), "loudness", is_silent=True)
    noise = float(np.quantile(levels, _NOISE_SHARE))
    least = max(SILENCE, min(noise * _ABOVE_NOISE, loudest / 2))
    spans = _spoken((levels > least).astype(np.float32), WINDOW, recording.duration)
    return Speech(spans, "loudness")


def _pieces(
    recording: Recording, run_up: float, on_position: OnPosition
) -> Iterator[tuple[float, Samples]]:
    """Each with its start, and the seconds before that in front of it."""
    duration = recording.duration
    for start in np.arange(0.0, duration, _PIECE).tolist():
        end = min(duration, start + _PIECE)
        yield start, recording.samples(max(0.0, start - run_up), end)
        on_position(end)


def _joined(parts: Sequence[Levels]) -> Levels:
    return np.concatenate([np.zeros(0, np.float32), *parts])


def _spoken(probabilities: Levels, frame: float, duration: float) -> tuple[Span, ...]:
    joined = united(_stretches(probabilities, frame), _SHORTEST_PAUSE)
    ended = (Span(span.start, min(span.end, duration)) for span in joined)
    return tuple(span for span in ended if span.length >= _SHORTEST_WORD)


def _stretches(probabilities: Levels, frame: float) -> Iterator[Span]:
    start = None
    for number, probability in enumerate(probabilities.tolist()):
        if start is None and probability >= _ENTER:
            start = number
        elif start is not None and probability < _LEAVE:
            yield Span(start * frame, number * frame)
            start = None
    if start is not None:
        yield Span(start * frame, len(probabilities) * frame)
