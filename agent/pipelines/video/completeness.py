"""Says what of a video is missing: a half, its end, or somebody who speaks."""

from collections.abc import Iterator

from agent.pipelines.errors import MediaUnreadableError
from agent.pipelines.video.pictures import View
from agent.pipelines.video.probe import Probe
from agent.pipelines.video.sound import Sound

_MISSING_SECONDS, _MISSING_SHARE = 1.0, 0.02
"""Less than this may be missing at the end: containers round."""


def notes(
    probe: Probe, view: View | None, sound: Sound, unseen: MediaUnreadableError | None
) -> Iterator[str]:
    """Sentences for who reads the result."""
    if unseen is not None:
        yield f"The pictures could not be read: {unseen}"
    elif view is None:
        yield "The file has no video track: only its sound was analysed."
    elif is_cut_off(probe, view, sound):
        yield f"The file is cut off: its pictures end after {view.duration:.1f} s."
    if sound.note:
        yield sound.note


def is_cut_off(probe: Probe, view: View | None, sound: Sound) -> bool:
    """Whether the file holds less than its header promises."""
    if sound.is_cut_off:
        return True
    if view is None or probe.video is None:
        return False
    if probe.video.promised is not None:
        return is_short(view.duration, probe.video.promised)
    heard = sound.transcript.duration if sound.transcript else 0.0
    return is_short(max(view.duration, heard), probe.duration or 0.0)


def is_short(held: float, promised: float) -> bool:
    return promised - held > max(_MISSING_SECONDS, _MISSING_SHARE * promised)
