"""The audio pipeline: speech in any known container becomes a transcript.

A recording in which nobody speaks is a failure (`media_unreadable`), not an empty success: MoRAG
would index the empty document, and nobody would ever learn that the microphone was off.
"""

import gc
from pathlib import Path
from timeit import default_timer as stopwatch
from typing import Annotated, Literal, Protocol

from pydantic import Field

from agent.model.ids import JsonObject
from agent.model.work import PipelineSettings, Produced, Progress, Task
from agent.pipelines.audio.decoding import Pcm, decode_audio
from agent.pipelines.audio.engines.engine import Engine, Request
from agent.pipelines.audio.engines.loading import load_engine
from agent.pipelines.audio.listening import listen
from agent.pipelines.audio.rendering import as_json, as_markdown, as_srt, as_text, as_vtt
from agent.pipelines.audio.sound import is_silent
from agent.pipelines.audio.transcript import Transcript, settled
from agent.pipelines.errors import MediaUnreadableError, OptionsInvalidError
from agent.pipelines.options import Options, parse_options
from agent.pipelines.output import Written, write
from agent.pipelines.pipeline import Report

_DECODED, _LOADED, _TRANSCRIBED = 0.05, 0.1, 0.99
"""Fractions of the whole task; transcription is nearly all of it."""


class AudioOptions(Options):
    language: Annotated[str, Field(pattern="^[a-z]{2,3}$")] | None = None
    """A code such as `de`; null finds out."""
    task: Literal["transcribe", "translate"] = "transcribe"
    """`translate` is into English."""
    word_timestamps: bool = False
    initial_prompt: Annotated[str, Field(max_length=800)] | None = None
    """Names and terms that will be heard."""
    beam_size: Annotated[int, Field(ge=1, le=10)] | None = None
    """Null: 5 with faster-whisper, greedy with openai-whisper, where a beam costs seven times."""
    temperature: Annotated[float, Field(ge=0, le=1)] | None = None
    """Null: 0, and more where that fails."""


class Load(Protocol):
    def __call__(self, settings: PipelineSettings, /, *, is_frugal: bool) -> Engine: ...


class AudioPipeline:
    """Keeps its engine loaded."""

    def __init__(self, settings: PipelineSettings, load: Load = load_engine) -> None:
        self._settings = settings
        self._load = load
        self._engine: Engine | None = None
        self._is_frugal = False

    def run(self, task: Task, report: Report) -> Produced:
        options = parse_options(AudioOptions, task.options)
        begun = stopwatch()
        pcm = _decode(Path(task.input), report)
        engine = self._loaded_engine(report, is_frugal=task.is_frugal)
        _check_language(options, engine)
        request = Request(**options.model_dump(), is_frugal=task.is_frugal)
        transcript = _transcript(engine, pcm, request, task.filename, report)
        taken = stopwatch() - begun
        written = _write_all(transcript, taken, Path(task.output))
        return Produced(written, _summary(transcript, pcm, taken))

    def _loaded_engine(self, report: Report, *, is_frugal: bool) -> Engine:
        if self._engine is None or self._is_frugal is not is_frugal:
            report(Progress(_DECODED, "loading model"))
            self._engine = None
            gc.collect()  # there is no room for two
            self._engine = self._load(self._settings, is_frugal=is_frugal)
            self._is_frugal = is_frugal
        return self._engine


def _decode(path: Path, report: Report) -> Pcm:
    report(Progress(0.0, "decoding"))
    # How much there will be is unknown, so the fraction only shows that something moves.
    pcm = decode_audio(path, lambda s: report(Progress(_DECODED * s / (s + 600), "decoding")))
    if is_silent(pcm.samples):
        raise MediaUnreadableError(f"the {pcm.duration:.0f} s of audio are silent.")
    return pcm


def _check_language(options: AudioOptions, engine: Engine) -> None:
    known, model = engine.languages, engine.loaded.model
    if options.language is not None and options.language not in known:
        right = ", ".join(sorted(known))
        raise OptionsInvalidError(
            f"option 'language' is {options.language!r}: the model {model} knows only {right}."
        )
    if options.task == "translate" and len(known) == 1:
        raise OptionsInvalidError(
            f"option 'task' is 'translate': the model {model} is English only and cannot translate."
        )


def _transcript(
    engine: Engine, pcm: Pcm, request: Request, filename: str, report: Report
) -> Transcript:
    def on_position(seconds: float) -> None:
        share = min(1.0, seconds / pcm.duration)
        report(Progress(_LOADED + share * (_TRANSCRIBED - _LOADED), "transcribing"))

    heard = listen(engine, pcm, request, on_position)
    segments = settled(heard.segments, pcm.duration)
    if not segments:
        raise MediaUnreadableError(f"no speech was found in {pcm.duration:.0f} s of audio.")
    return Transcript(
        filename=filename,
        segments=segments,
        language=heard.language,
        language_probability=heard.language_probability,
        duration=pcm.duration,
        made_by=engine.loaded,
    )


def _write_all(transcript: Transcript, taken: float, folder: Path) -> tuple[Written, ...]:
    return (
        write(folder, "transcript.json", as_json(transcript, taken)),
        write(folder, "transcript.md", as_markdown(transcript)),
        write(folder, "transcript.srt", as_srt(transcript)),
        write(folder, "transcript.vtt", as_vtt(transcript)),
        write(folder, "transcript.txt", as_text(transcript)),
    )


def _summary(transcript: Transcript, pcm: Pcm, taken: float) -> JsonObject:
    """Flat, and in MoRAG's words: it copies all of this into every chunk."""
    made_by = transcript.made_by
    return {
        "content_type": "audio",
        "duration": round(transcript.duration, 3),
        "language": transcript.language,
        "language_probability": round(transcript.language_probability, 4),
        "word_count": transcript.word_count,
        "segment_count": len(transcript.segments),
        "has_speaker_info": False,
        "has_topic_info": False,
        "channels": pcm.source.channels,
        "sample_rate": pcm.source.sample_rate,
        "codec": pcm.source.codec,
        "engine": made_by.engine,
        "model": made_by.model,
        "device": made_by.device,
        "compute_type": made_by.compute_type,
        "processing_time": round(taken, 3),
    }
