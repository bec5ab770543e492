"""The video pipeline: what is shown, said and written in a film, with its times.

Where one half of a film is missing or broken, the other half is done, and a note says what is not
there. The task fails where neither is left, and where nobody speaks in a file without pictures.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from agent.model.work import PipelineSettings, Produced, Task
from agent.pipelines.audio.engines.loading import load_engine
from agent.pipelines.audio.hearing import Hearing, Load
from agent.pipelines.box.running import Box, box_of
from agent.pipelines.box.scratch import scratch_of
from agent.pipelines.errors import MediaUnreadableError
from agent.pipelines.models.leaving import leave_gpu, return_to_gpu
from agent.pipelines.options import parse_options
from agent.pipelines.output import Written
from agent.pipelines.pipeline import Report
from agent.pipelines.timed_report import TimedReport
from agent.pipelines.video.clips import Clip, Cutter, check_clips_are_possible
from agent.pipelines.video.completeness import is_cut_off, notes
from agent.pipelines.video.options import VideoOptions
from agent.pipelines.video.pictures import View, view_of
from agent.pipelines.video.probe import Probe, probe_of
from agent.pipelines.video.progress import CUTTING, HEARING, LOOKING, READING, of_length, within
from agent.pipelines.video.publishing import publish_pictures, publish_texts
from agent.pipelines.video.reading import TextReader, load_text_reader, readings
from agent.pipelines.video.rendering import Analysis, summary_of
from agent.pipelines.video.screen_text import ScreenText, merged
from agent.pipelines.video.sound import Sound, sound_of
from agent.pipelines.video.wishes import Wishes

_GPU = Path("/dev/nvidiactl")
_USUAL_LENGTH = 600.0


LoadReader: TypeAlias = Callable[[PipelineSettings], TextReader]


class VideoPipeline:
    """Keeps its models loaded."""

    def __init__(
        self,
        settings: PipelineSettings,
        load: Load = load_engine,
        load_reader: LoadReader = load_text_reader,
    ) -> None:
        self._settings = settings
        self._hearing = Hearing(settings, load)
        self._load_reader = load_reader
        self._reader: TextReader | None = None
        self._box = box_of(settings)
        self._decoding = _Decoding()

    @property
    def held(self) -> tuple[str, ...]:
        return self._hearing.held + (("text reader",) if self._reader else ())

    def unload(self) -> None:
        self._hearing.unload()
        self._reader = None

    def leave_gpu(self) -> bool:
        """Not while a box decodes on the GPU: what it holds there goes when it ends."""
        return not self._decoding.is_on_gpu and leave_gpu([self._hearing, self._reader])

    def return_to_gpu(self) -> None:
        return_to_gpu([self._hearing, self._reader])

    def run(self, task: Task, report: Report) -> Produced:
        options = parse_options(VideoOptions, task.options)
        if options.clips:
            check_clips_are_possible()
        reader = self._loaded_reader() if options.screen_text else None
        with scratch_of(task) as scratch:
            return _Film(
                task=task,
                options=options,
                settings=self._settings,
                box=self._box,
                hearing=self._hearing,
                reader=reader,
                decoding=self._decoding,
                scratch=scratch,
                report=TimedReport(report),
            ).produced()

    def _loaded_reader(self) -> TextReader:
        if self._reader is None:
            self._reader = self._load_reader(self._settings)
        return self._reader


class _Decoding:
    """Where a film is being decoded just now."""

    is_on_gpu = False

    @contextmanager
    def on(self, *, gpu: bool) -> Iterator[None]:
        self.is_on_gpu = gpu
        try:
            yield
        finally:
            self.is_on_gpu = False


@dataclass(frozen=True, slots=True, kw_only=True)
class _Film:
    """One task, and all that is needed for it."""

    task: Task
    options: VideoOptions
    settings: PipelineSettings
    box: Box
    hearing: Hearing
    reader: TextReader | None
    decoding: "_Decoding"
    scratch: Path
    report: TimedReport

    def produced(self) -> Produced:
        folder = Path(self.task.output)
        probe = probe_of(self.box.read("video-probe", self._file, self._room("probe")))
        view, pictures, unseen = self._looked(probe, folder)
        sound = self._heard(probe)
        if view is None and sound.transcript is None:
            raise unseen or sound.error or MediaUnreadableError("there is nothing in the file.")
        analysis = Analysis(
            filename=self.task.filename,
            probe=probe,
            view=view,
            transcript=sound.transcript,
            sound=sound.source,
            screen_text=self._read(view),
            clips=self._cut(probe, view, folder),
            notes=tuple(notes(probe, view, sound, unseen)),
            is_cut_off=is_cut_off(probe, view, sound),
            process_seconds=self.report.seconds,
        )
        return Produced(
            (*publish_texts(analysis, folder), *pictures, *sound.pictures), summary_of(analysis)
        )

    @property
    def _file(self) -> Path:
        return Path(self.task.input)

    def _room(self, name: str) -> Path:
        """A scratch folder of its own: no box touches what another one has left."""
        room = self.scratch / name
        room.mkdir(exist_ok=True)
        return room

    def _looked(
        self, probe: Probe, folder: Path
    ) -> tuple[View | None, tuple[Written, ...], MediaUnreadableError | None]:
        """What is seen, or why nothing is."""
        if probe.video is None:
            return None, (), None
        wishes = self._wishes()
        room, length = self._room("pictures"), probe.duration or _USUAL_LENGTH
        told = of_length(within(self.report, LOOKING), "looking", length)
        try:
            with self.decoding.on(gpu=wishes.on_gpu):
                answer = self.box.read(
                    "video-pictures",
                    self._file,
                    room,
                    wishes.arguments(),
                    on_told=told,
                    gpu=wishes.on_gpu,
                )
            view = view_of(answer, wishes)
            return view, publish_pictures(view, room, folder), None
        except MediaUnreadableError as error:
            return None, (), error

    def _wishes(self) -> Wishes:
        options = self.options
        return Wishes(
            scenes=options.scenes,
            keyframes=options.keyframes_wanted,
            thumbnails=options.thumbnails_wanted,
            sizes=tuple((width, height) for width, height in options.thumbnail_sizes),
            sheet=options.sheet,
            screens=self.reader is not None,
            quality=self.settings.thumbnail_quality,
            on_gpu=self.settings.gpu_video_decoding
            and self.settings.device != "cpu"
            and _GPU.exists(),
            threads=self.settings.threads,
        )

    def _heard(self, probe: Probe) -> Sound:
        if not self.options.audio and probe.video is not None:
            return Sound()
        report = within(self.report, HEARING)
        return sound_of(
            self.task, self.box, self.hearing, self._room("sound"), self.options, report
        )

    def _read(self, view: View | None) -> tuple[ScreenText, ...]:
        if view is None or self.reader is None:
            return ()
        told = of_length(within(self.report, READING), "reading", len(view.key_frames))
        return merged(readings(self.reader, self._room("pictures"), view.key_frames, told))

    def _cut(self, probe: Probe, view: View | None, folder: Path) -> tuple[Clip, ...]:
        if view is None or not self.options.clips:
            return ()
        scenes = view.scenes[: self.options.max_clips]
        target = folder / "clips"
        target.mkdir()
        rate = probe.video.rate if probe.video else 0.0
        cutter = Cutter(box=self.box, file=self._file, scratch=self._room("clip"), rate=rate)
        told = of_length(within(self.report, CUTTING), "cutting clips", len(scenes))
        return cutter.clips(scenes, target, told)
