"""An engine that hears what it is told to."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from agent.pipelines.audio.decoding import Samples
from agent.pipelines.audio.engines.engine import Heard, Request
from agent.pipelines.audio.pcm_stream import SAMPLE_RATE
from agent.pipelines.audio.transcript import Loaded, Segment


@dataclass
class FakeEngine:
    segments: tuple[Segment, ...] = (Segment(0.5, 1.5, " Hello there."),)
    languages: Collection[str] = ("en", "de")
    error: Exception | None = None
    loaded: Loaded = field(
        default=Loaded(engine="fake", model="fake", device="cpu", compute_type="none")
    )
    requests: list[Request] = field(default_factory=list)
    lengths: list[float] = field(default_factory=list)

    def transcribe(
        self, samples: Samples, request: Request, on_position: Callable[[float], None]
    ) -> Heard:
        if self.error is not None:
            raise self.error
        self.requests.append(request)
        self.lengths.append(len(samples) / SAMPLE_RATE)
        on_position(self.lengths[-1])
        return Heard(self.segments, request.language or "de", 0.9)
