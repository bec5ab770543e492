"""Has the sound of a file decoded in a box, and trusts nothing that comes from there."""

from collections.abc import Callable
from pathlib import Path

from agent.model.ids import Bytes, JsonObject, Seconds
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.running import Box
from agent.pipelines.box.scratch import opened
from agent.pipelines.errors import CutOffError, MediaUnreadableError
from agent.pipelines.spoken.pcm import BYTES_PER_SAMPLE, SAMPLE_RATE
from agent.pipelines.spoken.recording import Recording, Source

LONGEST = Seconds(12 * 3600.0)
"""1.4 GB of samples. A small file can hold days of silence."""
_MISSING_SECONDS, _MISSING_SHARE = 1.0, 0.02
"""Less than this may be missing at the end: encoders pad, and containers round."""
_NAME = "audio.s16"


def record(
    box: Box,
    file: Path,
    scratch: Path,
    on_position: Callable[[float], None] = lambda _seconds: None,
    *,
    track: int | None = None,
    longest: Seconds = LONGEST,
) -> Recording:
    """One audio track of any known container, as a file in `scratch`; None takes the main one.

    Raises `NoAudioTrackError`, `CutOffError` and what else `Box.read` raises.
    """
    room = Bytes(round((longest + 60) * SAMPLE_RATE * BYTES_PER_SAMPLE))
    answer = box.read(
        "audio",
        file,
        scratch,
        {"track": track, "max_s": longest},
        limits=Limits(written=room),
        on_told=on_position,
    )
    return _complete(Recording(_samples(scratch), _source(answer)))


def _samples(scratch: Path) -> Path:
    with opened(scratch, _NAME) as file:
        if file.seek(0, 2) < BYTES_PER_SAMPLE:
            raise MediaUnreadableError(
                "no sound could be decoded: the audio track is empty or broken."
            )
    return scratch / _NAME


def _source(answer: JsonObject) -> Source:
    fields = answer.get("source")
    if not isinstance(fields, dict):
        raise MediaUnreadableError("the reader did not say what it read.")
    duration, damaged = fields.get("duration"), answer.get("damaged_packets")
    return Source(
        duration=float(duration) if isinstance(duration, float | int) else None,
        format=str(fields.get("format"))[:60],
        codec=str(fields.get("codec"))[:60],
        channels=_whole(fields.get("channels")),
        sample_rate=_whole(fields.get("sample_rate")),
        tracks=_whole(fields.get("tracks")),
        damaged_packets=_whole(damaged),
    )


def _whole(value: object) -> int:
    return value if isinstance(value, int) else 0


def _complete(recording: Recording) -> Recording:
    """`recording`, if the file held what it promised."""
    promised = recording.source.duration or 0.0
    if promised - recording.duration > max(_MISSING_SECONDS, _MISSING_SHARE * promised):
        raise CutOffError(
            f"the file is cut off: it promises {promised:.1f} s of audio"
            f" but holds only {recording.duration:.1f} s."
        )
    return recording
