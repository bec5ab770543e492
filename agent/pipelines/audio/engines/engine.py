"""What the audio pipeline asks of a speech library."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.spoken.recording import Samples
from agent.pipelines.spoken.transcript import Loaded, Segment

Tell: TypeAlias = Callable[[str], None]
"""What is going on while an engine is loaded, in a few words for a person."""

FALLBACK = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Whisper's own ladder: a window that loops or mumbles is decoded again with more chance in it."""


class NoOtherTypeError(EngineUnavailableError):
    """The device can compute with none but the types that are unfit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    language: str
    task: str
    """`transcribe`, or `translate` (into English)."""
    word_timestamps: bool = False
    initial_prompt: str | None = None
    beam_size: int | None = None
    """None: what suits the engine."""
    temperature: float | None = None
    """None: the ladder."""
    is_frugal: bool = False
    """Memory ran out: one hypothesis at a time, whatever was asked for."""

    @property
    def temperatures(self) -> tuple[float, ...]:
        return FALLBACK if self.temperature is None else (self.temperature,)


class Engine(Protocol):
    @property
    def loaded(self) -> Loaded: ...

    @property
    def languages(self) -> Collection[str]:
        """The codes it can be asked for; `("en",)` of an English-only model."""

    @property
    def windows_at_once(self) -> int:
        """That pay and fit into memory; 1 on a processor, where nothing is gained by more."""

    def detect_language(self, samples: Samples) -> Mapping[str, float]:
        """How likely each language is, judged by the first 30 s."""

    def transcribe(
        self, samples: Samples, request: Request, on_position: Callable[[float], None]
    ) -> tuple[Segment, ...]:
        """Speech in `samples`, which must fit into memory several times over.

        Window after window, each seeing the text before it. Tells `on_position` how many seconds
        are behind it.
        """

    def transcribe_together(
        self, parts: Sequence[Samples], request: Request
    ) -> tuple[tuple[Segment, ...], ...]:
        """Speech in each of `parts`, of at most 30 s, decoded side by side and only once.

        Times are from the start of each part. A part of which the model gives up on the rest ends
        early: whoever asks has to look at what is missing.
        """
