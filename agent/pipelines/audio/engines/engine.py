"""What the audio pipeline asks of a speech library."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Protocol

from agent.pipelines.audio.decoding import Samples
from agent.pipelines.audio.transcript import Loaded, Segment

FALLBACK = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
"""Whisper's own ladder: a window that loops or mumbles is decoded again with more chance in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    language: str | None
    """None: find out."""
    task: str
    """`transcribe`, or `translate` (into English)."""
    word_timestamps: bool
    initial_prompt: str | None
    beam_size: int | None
    """None: what suits the engine."""
    temperature: float | None
    """None: the ladder."""
    is_frugal: bool = False
    """Memory ran out: one hypothesis at a time, whatever was asked for."""

    @property
    def temperatures(self) -> tuple[float, ...]:
        return FALLBACK if self.temperature is None else (self.temperature,)


@dataclass(frozen=True, slots=True)
class Heard:
    segments: tuple[Segment, ...]
    language: str
    language_probability: float


class Engine(Protocol):
    @property
    def loaded(self) -> Loaded: ...

    @property
    def languages(self) -> Collection[str]:
        """The codes it can be asked for; `("en",)` of an English-only model."""

    def transcribe(
        self, samples: Samples, request: Request, on_position: Callable[[float], None]
    ) -> Heard:
        """Speech in `samples`, which must fit into memory several times over.

        Tells `on_position` how many seconds of them are behind it.
        """
