"""What was said, when: the values between an engine and the files that people read."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from agent.pipelines.markdown import one_line
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.spans import total


@dataclass(frozen=True, slots=True)
class Word:
    start: float
    end: float
    text: str
    probability: float
    speaker: str | None = None


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of speech, in seconds from the start of the file."""

    start: float
    end: float
    text: str
    words: tuple[Word, ...] = ()
    speaker: str | None = None
    """`SPEAKER_00` and so on; None where nobody told the speakers apart."""
    no_speech: float = 0.0
    """How sure the engine is that nobody speaks here, 0 to 1."""

    def shifted(self, seconds: float) -> "Segment":
        words = tuple(
            replace(word, start=word.start + seconds, end=word.end + seconds) for word in self.words
        )
        return replace(self, start=self.start + seconds, end=self.end + seconds, words=words)


@dataclass(frozen=True, slots=True)
class Topic:
    """A stretch of the recording about one thing, in seconds."""

    start: float
    end: float
    title: str
    keywords: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The engine that heard it, as it was loaded."""

    engine: str
    model: str
    device: str
    compute_type: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcript:
    """Everything the renderers need; `segments` are settled."""

    filename: str
    segments: tuple[Segment, ...]
    language: str
    language_probability: float
    duration: float
    """Of the audio, in seconds."""
    made_by: Loaded
    topics: tuple[Topic, ...] = ()
    speech: tuple[Span, ...] = ()
    """Where somebody was heard speaking."""
    speech_coverage: float = 1.0
    """The share of that which the segments cover: below 0.9, words are missing."""
    speech_detector: str = ""
    warnings: tuple[str, ...] = ()
    """What was wished for and could not be had; sentences."""

    @property
    def speakers(self) -> tuple[str, ...]:
        return tuple(sorted({segment.speaker for segment in self.segments if segment.speaker}))

    @property
    def speech_seconds(self) -> float:
        return total(self.speech)

    @property
    def text(self) -> str:
        return " ".join(segment.text for segment in self.segments)

    @property
    def word_count(self) -> int:
        return len(self.text.split())


SHORTEST = 0.02
"""Seconds: Whisper's own resolution. A subtitle needs an end after its start."""


def settled(segments: Iterable[Segment], duration: float) -> tuple[Segment, ...]:
    """The segments that hold words, in order, without overlap, and inside the audio.

    Whisper promises none of this: windows overlap, and the last one reaches past the end.
    """
    result: list[Segment] = []
    earliest = 0.0
    for segment in segments:
        text = one_line(segment.text)
        if not any(character.isalnum() for character in text):
            continue  # ". . ." is what Whisper makes of hum
        start = min(max(segment.start, earliest), max(earliest, duration - SHORTEST))
        end = max(min(segment.end, duration), start + SHORTEST)
        result.append(Segment(start, end, text, _settled_words(segment.words, start, end)))
        earliest = end
    return tuple(result)


def _settled_words(words: Iterable[Word], earliest: float, latest: float) -> tuple[Word, ...]:
    result: list[Word] = []
    for word in words:
        start = min(max(word.start, earliest), latest)
        end = min(max(word.end, start), latest)
        result.append(Word(start, end, word.text.strip(), word.probability))
        earliest = start
    return tuple(result)
