"""Hears a whole recording: block after block through the engine, one transcript out."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from agent.pipelines.audio.decoding import Pcm, Samples
from agent.pipelines.audio.engines.engine import Engine, Heard, Request
from agent.pipelines.audio.pcm_stream import SAMPLE_RATE
from agent.pipelines.audio.sound import blocks, is_silent
from agent.pipelines.audio.transcript import Segment

_CARRIED = 200
"""Characters of the text so far that the next block's engine sees, for names and style."""


def listen(
    engine: Engine, pcm: Pcm, request: Request, on_position: Callable[[float], None]
) -> Heard:
    """Times are from the start of the recording. Without speech, there are no segments."""
    segments: list[Segment] = []
    language, probability = request.language, 1.0
    for start, samples in blocks(pcm.samples):
        on_position(start)
        if is_silent(samples):
            continue
        prompt = _tail(segments) or request.initial_prompt
        heard = engine.transcribe(
            samples,
            replace(request, language=language, initial_prompt=prompt),
            lambda seconds, start=start: on_position(start + seconds),  # type: ignore[misc]
        )
        if language is None:  # what the first block speaks, the whole recording does
            language, probability = heard.language, heard.language_probability
        segments += (segment.shifted(start) for segment in _audible(heard.segments, samples))
    return Heard(tuple(segments), language or "", probability)


def _audible(segments: Sequence[Segment], samples: Samples) -> Iterator[Segment]:
    """Without what Whisper imagines where there is nothing at all ("Thanks for watching!")."""
    for segment in segments:
        first, last = (round(moment * SAMPLE_RATE) for moment in (segment.start, segment.end))
        if not is_silent(samples[first:last]):
            yield segment


def _tail(segments: Sequence[Segment]) -> str:
    text = " ".join(segment.text.strip() for segment in segments[-10:])
    return text[-_CARRIED:].partition(" ")[2] if len(text) > _CARRIED else text
