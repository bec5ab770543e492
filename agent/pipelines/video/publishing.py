"""Puts the results of a video into the task's output folder."""

from collections.abc import Iterator
from pathlib import Path

from agent.pipelines.audio.writing import write_forms
from agent.pipelines.output import Written, named, write
from agent.pipelines.video.pictures import View, take_picture
from agent.pipelines.video.rendering import (
    Analysis,
    as_json,
    as_markdown,
    key_frame_name,
    thumbnail_name,
)

_SHEET = "sheet.jpg"


def publish_texts(analysis: Analysis, folder: Path) -> tuple[Written, ...]:
    forms = (
        write_forms(analysis.transcript, folder, analysis.process_seconds)
        if analysis.transcript
        else ()
    )
    return (
        write(folder, "video.md", as_markdown(analysis)),
        write(folder, "video.json", as_json(analysis)),
        *forms,
        *(named(clip.name) for clip in analysis.clips),
    )


def publish_pictures(view: View, scratch: Path, folder: Path) -> tuple[Written, ...]:
    """Raises `MediaUnreadableError` where the box has left something else."""
    done = []
    for source, name in _pictures(view):
        take_picture(scratch, source, folder / name)
        done.append(named(name))
    return tuple(done)


def _pictures(view: View) -> Iterator[tuple[str, str]]:
    """The name in the scratch folder, and that of the artifact."""
    for number, frame in enumerate(view.key_frames, start=1):
        yield frame.name, key_frame_name(number)
    for number, small in enumerate(view.thumbnails, start=1):
        for size, name in enumerate(small.names):
            yield name, thumbnail_name(number, size)
    if view.sheet is not None:
        yield view.sheet, _SHEET
