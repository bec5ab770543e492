"""Makes segments of what openai-whisper decodes window by window: the library keeps that inside."""

from collections.abc import Iterator
from typing import NotRequired, TypedDict

import torch
import whisper
from whisper.timing import add_word_timestamps
from whisper.tokenizer import get_tokenizer

from agent.pipelines.audio.engines.engine import Request
from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.transcript import Segment, Word

_TICK = 0.02
"""Seconds of one time stamp token."""
_SAMPLES_PER_FRAME = 160


class _WordFields(TypedDict):
    word: str
    start: float
    end: float
    probability: float


class SegmentFields(TypedDict):
    """A segment as the library has it."""

    start: float
    end: float
    text: str
    no_speech_prob: float
    words: NotRequired[list[_WordFields]]


class _WindowFields(SegmentFields):
    seek: int
    tokens: list[int]


def segment_of(fields: SegmentFields) -> Segment:
    words = (
        Word(float(w["start"]), float(w["end"]), w["word"], float(w["probability"]))
        for w in fields.get("words", ())
    )
    return Segment(
        float(fields["start"]),
        float(fields["end"]),
        fields["text"],
        tuple(words),
        no_speech=float(fields["no_speech_prob"]),
    )


class WindowCutter:
    """Cuts the tokens of one window of 30 s at their time stamps."""

    def __init__(self, model: whisper.Whisper, request: Request) -> None:
        self._model = model
        self._request = request
        self._tokenizer = get_tokenizer(
            model.is_multilingual,
            num_languages=model.num_languages,
            language=request.language,
            task=request.task,
        )

    def segments(
        self, found: whisper.DecodingResult, spectrogram: torch.Tensor, length: int
    ) -> tuple[Segment, ...]:
        """`length` in samples is how much of the window is sound."""
        cut = list(self._cut(found, length / SAMPLE_RATE))
        if self._request.word_timestamps and cut:
            add_word_timestamps(
                segments=cut,
                model=self._model,
                tokenizer=self._tokenizer,
                mel=spectrogram,
                num_frames=length // _SAMPLES_PER_FRAME,
                last_speech_timestamp=0.0,
            )
        return tuple(segment_of(fields) for fields in cut)

    def _cut(self, found: whisper.DecodingResult, seconds: float) -> Iterator[_WindowFields]:
        doubt = float(found.no_speech_prob)
        start, words = 0.0, list[int]()
        for token in found.tokens:
            if token < self._tokenizer.timestamp_begin:
                words.append(token)
                continue
            moment = min(seconds, (token - self._tokenizer.timestamp_begin) * _TICK)
            if words:
                yield self._fields(Span(start, moment), words, doubt)
            start, words = moment, []
        if words:  # the window is full, or the model gave no end
            yield self._fields(Span(start, seconds), words, doubt)

    def _fields(self, place: Span, tokens: list[int], doubt: float) -> _WindowFields:
        spoken = [token for token in tokens if token < self._tokenizer.eot]
        return {
            "start": place.start,
            "end": place.end,
            "text": self._tokenizer.decode(spoken),
            "no_speech_prob": doubt,
            "seek": 0,
            "tokens": tokens,
        }
