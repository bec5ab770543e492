"""Has the sound of a stranger's file decoded in a box, and trusts nothing that it says."""

from collections.abc import Callable
from pathlib import Path

from agent.model.ids import Bytes, JsonObject, Seconds
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.running import Box
from agent.pipelines.box.scratch import opened
from agent.pipelines.errors import CutOffError, MediaUnreadableError, TooLargeError
from agent.pipelines.spoken.pcm import BYTES_PER_SAMPLE, BYTES_PER_SECOND, PCM_NAME
from agent.pipelines.spoken.recording import Recording, Source

MAX_DURATION = Seconds(12 * 3600.0)
"""1.4 GB on the disk. A small file can hold days of silence."""
_MISSING_SECONDS, _MISSING_SHARE = 1.0, 0.02
"""Less than this may be missing at the end: encoders pad, and containers round."""
_SLACK = 1024 * 1024


def record(
    box: Box,
    file: Path,
    scratch: Path,
    on_position: Callable[[float], None] = lambda _seconds: None,
    *,
    track: int | None = None,
    allow_partial: bool = False,
) -> Recording:
    """One audio track of any known container, on the disk in `scratch`.

    `track` counts from 0; None takes the one that a player would. Raises `NoAudioTrackError`,
    `CutOffError`, `MediaUnreadableError`, `TooLargeError`, `OptionsInvalidError` or
    `DecoderKilledError`.
    """
    limits = Limits(written=Bytes(int(MAX_DURATION * BYTES_PER_SECOND) + _SLACK))
    wishes: JsonObject = {"track": track, "longest": MAX_DURATION}
    answer = box.read("audio", file, scratch, wishes, limits=limits, on_told=on_position)
    _check_size(scratch, limits.written)
    recording = Recording(scratch / PCM_NAME, _source(answer))
    flaw = what_is_missing(recording)
    if flaw and not allow_partial:
        raise CutOffError(flaw)
    return recording


def flaws(recording: Recording) -> tuple[str, ...]:
    """What is wrong with the file, in sentences."""
    missing, damaged = what_is_missing(recording), recording.source.damaged_packets
    lost = f"{damaged} damaged packets of the file were left out." if damaged else ""
    return tuple(filter(None, (missing, lost)))


def what_is_missing(recording: Recording) -> str:
    """Says that the file did not hold what it promised; empty where it did."""
    promised, held = recording.source.duration or 0.0, recording.duration
    if promised - held <= max(_MISSING_SECONDS, _MISSING_SHARE * promised):
        return ""
    return (
        f"the file is cut off: it promises {promised:.1f} s of audio but holds only {held:.1f} s."
    )


def _check_size(scratch: Path, most: Bytes) -> None:
    with opened(scratch, PCM_NAME) as pcm:
        size = pcm.seek(0, 2)
    if size < BYTES_PER_SAMPLE:
        raise MediaUnreadableError("no sound could be decoded: the audio track is empty or broken.")
    if size > most:
        raise TooLargeError("the decoder wrote more than it may.")


def _source(fields: JsonObject) -> Source:
    duration = fields.get("duration")
    return Source(
        duration=float(duration) if isinstance(duration, float | int) else None,
        format=str(fields.get("format"))[:60],
        codec=str(fields.get("codec"))[:60],
        channels=_count(fields.get("channels")),
        sample_rate=_count(fields.get("sample_rate")),
        tracks=_count(fields.get("tracks")),
        damaged_packets=_count(fields.get("damaged_packets")),
    )


def _count(value: object) -> int:
    return value if isinstance(value, int) and value >= 0 else 0
