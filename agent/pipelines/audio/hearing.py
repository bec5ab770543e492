"""From a decoded recording to its transcript: speech, words, speakers, topics."""

import gc
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from agent.model.work import PipelineSettings
from agent.pipelines.audio.decoding import flaws
from agent.pipelines.audio.engines.checked import CheckedLoading
from agent.pipelines.audio.engines.engine import Engine, Request, Tell
from agent.pipelines.audio.enriching import Enricher, Plan
from agent.pipelines.audio.guards import without_loops
from agent.pipelines.audio.language import find_language
from agent.pipelines.audio.listening import Listener
from agent.pipelines.audio.options import AudioOptions
from agent.pipelines.audio.speech import Speech, find_speech
from agent.pipelines.audio.stages import Stages
from agent.pipelines.errors import NoSpeechError, OptionsInvalidError
from agent.pipelines.models.leaving import leave_gpu, return_to_gpu
from agent.pipelines.pipeline import Report
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.spans import coverage
from agent.pipelines.spoken.transcript import Segment, Topic, Transcript, settled

_FEW = 0.9
"""Below this coverage words are missing, and whoever reads the transcript should know."""


class Load(Protocol):
    def __call__(self, settings: PipelineSettings, /, *, is_frugal: bool, tell: Tell) -> Engine: ...


@dataclass(frozen=True, slots=True)
class Kept:
    """The engine that is loaded, and how."""

    engine: Engine
    is_frugal: bool


class Hearing:
    """Keeps its models loaded between recordings."""

    def __init__(self, settings: PipelineSettings, load: Load | None = None) -> None:
        self._settings = settings
        self._load = load or CheckedLoading()
        self._enricher = Enricher(settings)
        self._kept: Kept | None = None
        self._is_loading = False

    @property
    def held(self) -> tuple[str, ...]:
        """The models that are loaded."""
        if self._kept is None:
            return self._enricher.held
        made = self._kept.engine.loaded
        engine = f"{made.model} ({made.engine}, {made.device}, {made.compute_type})"
        return (engine, *self._enricher.held)

    def unload(self) -> None:
        self._enricher.unload()
        self._unload_engine()

    def leave_gpu(self) -> bool:
        """Not while the engine is being loaded: nobody holds it yet who could move it."""
        return not self._is_loading and leave_gpu(self._models)

    def return_to_gpu(self) -> None:
        return_to_gpu(self._models)

    @property
    def _models(self) -> tuple[object, ...]:
        return (self._kept.engine if self._kept else None, self._enricher)

    def _unload_engine(self) -> None:
        self._kept = None
        gc.collect()

    def hear(
        self,
        recording: Recording,
        filename: str,
        options: AudioOptions,
        report: Report,
        *,
        is_frugal: bool = False,
    ) -> Transcript:
        """Raises `NoSpeechError`, `OptionsInvalidError` or `EngineUnavailableError`."""
        stages = Stages(report, recording.duration)
        speech = _speech(recording, options, stages)
        plan = self._enricher.plan(options)
        engine = self._loaded_engine(stages, is_frugal=is_frugal)
        options = _spoken(options, self._settings.language, engine)
        language, certainty = _language(engine, recording, speech.spans, options)
        request = _request(options, language, plan, is_frugal=is_frugal)
        transcript = Transcript(
            filename=filename,
            segments=self._segments(recording, speech, request, options, stages),
            language="en" if options.task == "translate" else language,
            language_probability=certainty,
            duration=recording.duration,
            made_by=engine.loaded,
            speech=speech.spans,
            speech_detector=speech.detector,
            warnings=(*flaws(recording), *plan.warnings),
        )
        if is_frugal and plan.speakers:
            del engine
            self._unload_engine()
        return self._enriched(_measured(transcript), recording, speech, options, plan, stages)

    def _enriched(
        self,
        transcript: Transcript,
        recording: Recording,
        speech: Speech,
        options: AudioOptions,
        plan: Plan,
        stages: Stages,
    ) -> Transcript:
        segments, warnings = transcript.segments, transcript.warnings
        if plan.speakers:
            segments, notices = self._enricher.with_speakers(
                segments, recording, speech.spans, options, stages.of("finding speakers")
            )
            warnings += notices
        topics: tuple[Topic, ...] = ()
        if plan.topics:
            stages.of("finding topics")(0.0)
            topics = self._enricher.topics(segments, transcript.language)
        return replace(transcript, segments=segments, topics=topics, warnings=warnings)

    def _segments(
        self,
        recording: Recording,
        speech: Speech,
        request: Request,
        options: AudioOptions,
        stages: Stages,
    ) -> tuple[Segment, ...]:
        assert self._kept is not None  # noqa: S101 - loaded a few lines before
        engine = self._kept.engine
        batch_size = self._batch_size(engine, options, is_frugal=request.is_frugal)
        everywhere = (Span(0.0, recording.duration),)
        heard = Listener(engine, recording, request, batch_size).listen(
            speech.spans, speech.spans if options.vad else everywhere, stages.of("transcribing")
        )
        segments = settled(without_loops(heard), recording.duration)
        if not segments:
            raise NoSpeechError(f"nothing could be understood in {speech.seconds:.0f} s of speech.")
        return segments

    def _loaded_engine(self, stages: Stages, *, is_frugal: bool) -> Engine:
        if self._kept is None or self._kept.is_frugal is not is_frugal:
            stages.of("loading model")(0.0)
            self._unload_engine()  # there is no room for two
            self._is_loading = True
            try:
                engine = self._load(self._settings, is_frugal=is_frugal, tell=stages.say)
            finally:
                self._is_loading = False
            self._kept = Kept(engine, is_frugal)
        return self._kept.engine

    def _batch_size(self, engine: Engine, options: AudioOptions, *, is_frugal: bool) -> int:
        """On a processor batching buys nothing once nothing is lost by it: measured."""
        if is_frugal:
            return 1
        return options.batch_size or self._settings.batch_size or engine.windows_at_once


def _speech(recording: Recording, options: AudioOptions, stages: Stages) -> Speech:
    speech = find_speech(recording, stages.of("finding speech"))
    if speech.is_silent or (options.vad and not speech.spans):
        raise _nothing_said(speech, recording.duration)
    return speech


def _measured(transcript: Transcript) -> Transcript:
    """With its coverage, and a warning where that is small."""
    covering = (Span(segment.start, segment.end) for segment in transcript.segments)
    share = coverage(transcript.speech, covering)
    measured = replace(transcript, speech_coverage=share)
    if share >= _FEW:
        return measured
    warning = f"only {share:.0%} of the speech became text: words are missing."
    return replace(measured, warnings=(*transcript.warnings, warning))


def _nothing_said(speech: Speech, seconds: float) -> NoSpeechError:
    if speech.is_silent:
        return NoSpeechError(f"the {seconds:.0f} s of audio are silent.")
    return NoSpeechError(f"no speech was found in {seconds:.0f} s of audio.")


def _spoken(options: AudioOptions, usual: str | None, engine: Engine) -> AudioOptions:
    """With the language that the owner of the box expects, where its model knows it."""
    if options.language is not None or usual not in engine.languages:
        return options
    return options.model_copy(update={"language": usual})


def _language(
    engine: Engine, recording: Recording, speech: Sequence[Span], options: AudioOptions
) -> tuple[str, float]:
    known, model = engine.languages, engine.loaded.model
    if options.task == "translate" and len(known) == 1:
        raise OptionsInvalidError(
            f"option 'task' is 'translate': the model {model} is English only and cannot translate."
        )
    if options.language is None:
        return find_language(engine, recording, speech or [Span(0.0, recording.duration)])
    if options.language not in known:
        right = ", ".join(sorted(known))
        raise OptionsInvalidError(
            f"option 'language' is {options.language!r}: the model {model} knows only {right}."
        )
    return options.language, 1.0


def _request(options: AudioOptions, language: str, plan: Plan, *, is_frugal: bool) -> Request:
    """Speakers change between words, so telling them apart needs the times of words."""
    return Request(
        language=language,
        task=options.task,
        word_timestamps=options.word_timestamps or plan.speakers,
        initial_prompt=options.initial_prompt,
        beam_size=options.beam_size,
        temperature=options.temperature,
        is_frugal=is_frugal,
    )
