"""The sound of a video through the audio pipeline; its absence is told, and not a failure."""

from dataclasses import dataclass
from pathlib import Path

from agent.model.work import Task
from agent.pipelines.audio.decoding import record, what_is_missing
from agent.pipelines.audio.hearing import Hearing
from agent.pipelines.audio.writing import draw_waveform
from agent.pipelines.box.running import Box
from agent.pipelines.errors import MediaUnreadableError, NoAudioTrackError, NoSpeechError
from agent.pipelines.output import Written
from agent.pipelines.pipeline import Report
from agent.pipelines.spoken.recording import Source
from agent.pipelines.spoken.transcript import Transcript
from agent.pipelines.video.options import VideoOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class Sound:
    """What was heard, or why nothing was."""

    transcript: Transcript | None = None
    source: Source | None = None
    error: MediaUnreadableError | None = None
    is_cut_off: bool = False
    pictures: tuple[Written, ...] = ()
    """Of the sound, in the folder of the results."""

    @property
    def note(self) -> str:
        match self.error:
            case None:
                return ""
            case NoAudioTrackError():
                return "The video has no sound."
            case NoSpeechError() as error:
                return f"Nobody speaks in the video: {error}"
            case error:
                return f"The sound could not be read: {error}"


def sound_of(
    task: Task,
    box: Box,
    hearing: Hearing,
    scratch: Path,
    options: VideoOptions,
    report: Report,
) -> Sound:
    """Raises what the audio pipeline raises for other reasons than what is in the file."""
    source: Source | None = None
    is_cut_off = False
    pictures: tuple[Written, ...] = ()
    file = Path(task.input)
    try:
        # A film that is cut off is shown as far as it goes, so it is heard like that as well.
        recording = record(
            box, file, scratch, _quiet, track=options.audio_track, allow_partial=True
        )
        source, is_cut_off = recording.source, bool(what_is_missing(recording))
        transcript = hearing.hear(
            recording, task.filename, options, report, is_frugal=task.is_frugal
        )
        if options.waveform:
            pictures = draw_waveform(recording, transcript, Path(task.output))
    except MediaUnreadableError as error:
        return Sound(source=source, error=error, is_cut_off=is_cut_off)
    return Sound(transcript=transcript, source=source, is_cut_off=is_cut_off, pictures=pictures)


def _quiet(_position: float) -> None:
    """Decoding sound takes no time beside what follows."""
