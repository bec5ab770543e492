"""Writes a transcript in every form that somebody reads."""

from importlib.util import find_spec
from pathlib import Path

from agent.pipelines.audio.rendering import as_json, as_markdown
from agent.pipelines.audio.subtitles import as_srt, as_text, as_vtt
from agent.pipelines.output import Written, named, write
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.transcript import Transcript


def write_transcript(
    transcript: Transcript, folder: Path, process_seconds: float
) -> tuple[Written, ...]:
    """All of its forms; the Markdown is that of a recording without pictures."""
    return (
        *write_forms(transcript, folder, process_seconds),
        write(folder, "transcript.md", as_markdown(transcript)),
    )


def write_forms(
    transcript: Transcript, folder: Path, process_seconds: float
) -> tuple[Written, ...]:
    """All but the Markdown, which a film writes in its own way."""
    return (
        write(folder, "transcript.json", as_json(transcript, process_seconds)),
        write(folder, "transcript.srt", as_srt(transcript)),
        write(folder, "transcript.vtt", as_vtt(transcript)),
        write(folder, "transcript.txt", as_text(transcript)),
    )


def draw_waveform(
    recording: Recording, transcript: Transcript, folder: Path
) -> tuple[Written, ...]:
    """Nothing where Pillow is missing: nobody reads a picture's absence as a failure."""
    if find_spec("PIL") is None:
        return ()
    from agent.pipelines.audio.waveform import write_waveform

    write_waveform(recording, folder / "waveform.png", transcript.speech)
    return (named("waveform.png"),)
