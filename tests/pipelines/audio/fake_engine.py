"""An engine that hears what it is told to."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field

from agent.pipelines.audio.engines.engine import Request
from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.recording import Samples
from agent.pipelines.spoken.transcript import Loaded, Segment

Hear = Callable[[float], tuple[Segment, ...]]
"""What there is to hear in so many seconds."""


def hello(_seconds: float) -> tuple[Segment, ...]:
    return (Segment(0.5, 1.5, " Hello there."),)


def everything(seconds: float) -> tuple[Segment, ...]:
    return (Segment(0.0, seconds, f" {seconds:.0f} seconds of talk."),)


@dataclass
class FakeEngine:
    hear: Hear = hello
    languages: Collection[str] = ("en", "de")
    likely: Sequence[Mapping[str, float]] = ({"de": 0.9, "en": 0.1},)
    """What each look at the language finds, the last one for ever."""
    error: Exception | None = None
    windows_at_once: int = 1
    loaded: Loaded = field(
        default=Loaded(engine="fake", model="fake", device="cpu", compute_type="none")
    )
    requests: list[Request] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)
    together: list[int] = field(default_factory=list)
    """How many parts each call had."""
    looks: int = 0

    def detect_language(self, samples: Samples) -> Mapping[str, float]:
        assert len(samples)
        self.looks += 1
        return self.likely[min(self.looks, len(self.likely)) - 1]

    def transcribe(
        self, samples: Samples, request: Request, on_position: Callable[[float], None]
    ) -> tuple[Segment, ...]:
        if self.error is not None:
            raise self.error
        on_position(len(samples) / SAMPLE_RATE)
        return self._heard(samples, request)

    def transcribe_together(
        self, parts: Sequence[Samples], request: Request
    ) -> tuple[tuple[Segment, ...], ...]:
        self.together.append(len(parts))
        return tuple(self._heard(part, request) for part in parts)

    def _heard(self, samples: Samples, request: Request) -> tuple[Segment, ...]:
        self.requests.append(request)
        self.lengths.append(len(samples) / SAMPLE_RATE)
        return self.hear(self.lengths[-1])
