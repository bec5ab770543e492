"""Makes segments of what openai-whisper decodes window by window: the library keeps that inside."""

from collections.abc import Iterator, Sequence
from typing import NotRequired, TypedDict

import torch
import whisper
from whisper.timing import add_word_timestamps
from whisper.tokenizer import get_tokenizer

from agent.pipelines.audio.engines.engine import Request
from agent.pipelines.spoken.pcm import SAMPLE_RATE
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
    words: NotRequired[list[_WordFields]]


class _WindowFields(SegmentFields):
    seek: int
    tokens: list[int]


def segment_of(fields: SegmentFields) -> Segment:
    words = (
        Word(float(w["start"]), float(w["end"]), w["word"], float(w["probability"]))
        for w in fields.get("words", ())
    )
    return Segment(float(fields["start"]), float(fields["end"]), fields["text"], tuple(words))


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
        self, tokens: Sequence[int], spectrogram: torch.Tensor, length: int
    ) -> tuple[Segment, ...]:
        """`length` in samples is how much of the window is sound."""
        cut = list(self._cut(tokens, length / SAMPLE_RATE))
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

    def _cut(self, tokens: Sequence[int], seconds: float) -> Iterator[_WindowFields]:
        start, words = 0.0, list[int]()
        for token in tokens:
            if token < self._tokenizer.timestamp_begin:
                words.append(token)
                continue
            moment = min(seconds, (token - self._tokenizer.timestamp_begin) * _TICK)
            if words:
                yield self._fields(start, moment, words)
            start, words = moment, []
        if words:  # the window is full, or the model gave no end
            yield self._fields(start, seconds, words)

    def _fields(self, start: float, end: float, tokens: list[int]) -> _WindowFields:
        spoken = [token for token in tokens if token < self._tokenizer.eot]
        text = self._tokenizer.decode(spoken)
        return {"start": start, "end": end, "text": text, "seek": 0, "tokens": tokens}
