"""The audio pipeline: speech in any known container becomes a transcript.

A recording in which nobody speaks is a failure (`media_unreadable`), not an empty success: MoRAG
would index the empty document, and nobody would ever learn that the microphone was off.
"""

from pathlib import Path

from agent.model.work import PipelineSettings, Produced, Progress, Task
from agent.pipelines.audio.decoding import record
from agent.pipelines.audio.hearing import Hearing, Load
from agent.pipelines.audio.options import AudioOptions
from agent.pipelines.audio.stages import WRITING
from agent.pipelines.audio.summary import summary_of
from agent.pipelines.audio.writing import draw_waveform, write_transcript
from agent.pipelines.box.running import box_of
from agent.pipelines.box.scratch import scratch_of
from agent.pipelines.options import parse_options
from agent.pipelines.pipeline import Report
from agent.pipelines.timed_report import TimedReport

_DECODED, _USUAL_LENGTH = 0.03, 600.0


class AudioPipeline:
    """Keeps its models loaded."""

    def __init__(self, settings: PipelineSettings, load: Load | None = None) -> None:
        self._hearing = Hearing(settings, load)
        self._box = box_of(settings)

    @property
    def held(self) -> tuple[str, ...]:
        return self._hearing.held

    def unload(self) -> None:
        self._hearing.unload()

    def leave_gpu(self) -> bool:
        return self._hearing.leave_gpu()

    def return_to_gpu(self) -> None:
        self._hearing.return_to_gpu()

    def run(self, task: Task, report: Report) -> Produced:
        options = parse_options(AudioOptions, task.options)
        report = timed = TimedReport(report)
        with scratch_of(task) as scratch:
            recording = record(
                self._box,
                Path(task.input),
                scratch,
                _decoding(report),
                track=options.audio_track,
                allow_partial=options.allow_partial,
            )
            transcript = self._hearing.hear(
                recording, task.filename, options, report, is_frugal=task.is_frugal
            )
            report(Progress(WRITING, "writing"))
            output = Path(task.output)
            pictures = draw_waveform(recording, transcript, output) if options.waveform else ()
            taken = timed.seconds
            written = (*write_transcript(transcript, output, taken), *pictures)
            return Produced(written, summary_of(transcript, recording.source, taken))


def _decoding(report: Report) -> "_Decoding":
    report(Progress(0.0, "decoding"))
    return _Decoding(report)


class _Decoding:
    """How much there will be is unknown, so the fraction only shows that something moves."""

    def __init__(self, report: Report) -> None:
        self._report = report

    def __call__(self, seconds: float) -> None:
        self._report(Progress(_DECODED * seconds / (seconds + _USUAL_LENGTH), "decoding"))
