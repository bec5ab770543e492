"""Who said it and what it was about: what is added to the words of a transcript."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from agent.model.work import PipelineSettings
from agent.pipelines.audio.options import AudioOptions
from agent.pipelines.diarization.attribution import attributed
from agent.pipelines.diarization.diarizer import Diarizer
from agent.pipelines.diarization.loading import diarization_is_possible, load_diarizer
from agent.pipelines.diarization.turns import SpeakerBounds
from agent.pipelines.models.leaving import leave_gpu, return_to_gpu
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.transcript import Segment, Topic
from agent.pipelines.topics.finder import TopicFinder
from agent.pipelines.topics.loading import load_topic_finder, topics_are_possible


@dataclass(frozen=True, slots=True)
class Plan:
    """What of it is to be done for one task."""

    speakers: bool
    topics: bool
    warnings: tuple[str, ...]
    """What the task asks for by name, and this box lacks."""


class Enricher:
    """Keeps its models loaded."""

    def __init__(self, settings: PipelineSettings) -> None:
        self._settings = settings
        self._diarizer: Diarizer | None = None
        self._finder: TopicFinder | None = None

    @property
    def held(self) -> tuple[str, ...]:
        return tuple(name for one in self._loaded() for name in one.held)

    def unload(self) -> None:
        for one in self._loaded():
            one.unload()

    def leave_gpu(self) -> bool:
        return leave_gpu(self._loaded())

    def return_to_gpu(self) -> None:
        return_to_gpu(self._loaded())

    def _loaded(self) -> list[Diarizer | TopicFinder]:
        return [one for one in (self._diarizer, self._finder) if one is not None]

    def plan(self, options: AudioOptions) -> Plan:
        """A wish of the owner's settings is dropped quietly where it cannot be had."""
        can_tell = diarization_is_possible(self._settings)
        can_cut = topics_are_possible(self._settings)
        lacking = []
        if options.diarization and not can_tell:
            lacking.append(_lacking("speakers were not told apart", "diarize"))
        if options.topics and not can_cut:
            lacking.append(_lacking("topics were not looked for", "topics"))
        return Plan(
            speakers=can_tell and _wanted(options.diarization, self._settings.diarization),
            topics=can_cut and _wanted(options.topics, self._settings.topics),
            warnings=tuple(lacking),
        )

    def with_speakers(
        self,
        segments: Sequence[Segment],
        recording: Recording,
        speech: Sequence[Span],
        options: AudioOptions,
        on_position: Callable[[float], None],
    ) -> tuple[tuple[Segment, ...], tuple[str, ...]]:
        """The segments, cut where the speaker changes, and warnings."""
        on_position(0.0)
        self._diarizer = self._diarizer or load_diarizer(self._settings)
        turns = self._diarizer.turns(recording, speech, _bounds(options), on_position)
        notice = self._diarizer.notice
        return attributed(segments, turns), (notice,) if notice else ()

    def topics(self, segments: Sequence[Segment], language: str) -> tuple[Topic, ...]:
        self._finder = self._finder or load_topic_finder(self._settings)
        return self._finder.topics(segments, language)


def _wanted(by_task: bool | None, by_owner: bool) -> bool:
    return by_owner if by_task is None else by_task


def _lacking(what: str, extra: str) -> str:
    return f"{what}: this box lacks the extra {extra}."


def _bounds(options: AudioOptions) -> SpeakerBounds:
    return SpeakerBounds(
        exact=options.num_speakers,
        least=options.min_speakers or 1,
        most=options.max_speakers,
    )
