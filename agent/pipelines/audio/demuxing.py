"""Reads the sound of a file through PyAV; runs in the box only."""

from collections.abc import Iterator
from os import SEEK_CUR
from pathlib import Path
from typing import BinaryIO, cast

import av
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from agent.model.ids import JsonObject
from agent.pipelines.audio.timeline import Timeline
from agent.pipelines.box.request import Tell
from agent.pipelines.errors import (
    MediaUnreadableError,
    NoAudioTrackError,
    OptionsInvalidError,
    TooLargeError,
)
from agent.pipelines.spoken.pcm import (
    BYTES_PER_SAMPLE,
    BYTES_PER_SECOND,
    PCM_NAME,
    SAMPLE_RATE,
)

# Playlist and reference formats (hls, concat, dash, sdp …) read other files: none is in here.
# "mov" is the family of mp4, m4a, 3gp and mov; "matroska" that of mkv, mka and webm.
FORMATS = (
    "3gp,aac,ac3,aiff,amr,amrnb,amrwb,ape,asf,au,avi,caf,dts,eac3,flac,flv,gsm,m4a,matroska,mov,"
    "mp3,mp4,mpeg,mpegts,ogg,rm,tta,w64,wav,webm,wv"
)
OPTIONS = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
_GUESSED_DURATION = {"mp3", "aac", "ac3", "eac3", "amr", "amrnb", "amrwb", "mpeg", "mpegts", "dts"}
"""Here FFmpeg may compute the duration from the bit rate, which is wrong by any factor."""
_FLOAT_CODECS = "pcm_f"
"""The codecs with this in front store floats as they are, NaN included."""
_TOLD_EVERY = 5.0
"""Seconds of sound between two signs of life."""
_BUFFER = 256 * 1024


def read(file: Path, scratch: Path, arguments: JsonObject, tell: Tell) -> JsonObject:
    """Leave one track as `PCM_NAME` in `scratch`; the answer says what the file says of itself.

    `track` counts the audio tracks from 0, None takes the one that a player would; `longest` is in
    seconds.
    """
    track = cast("int | None", arguments["track"])
    longest = cast("float", arguments["longest"])
    try:
        with opened(file) as container:
            stream = _chosen(container.streams.audio, track)
            with (scratch / PCM_NAME).open("wb", _BUFFER) as output:
                damaged = _Copy(container, stream, output, longest, tell).run()
            return _source(container, stream) | {"damaged_packets": damaged}
    except av.FFmpegError as error:
        raise MediaUnreadableError(
            "the file is broken, or no audio or video that we know."
        ) from error


def opened(file: Path) -> InputContainer:
    """Raises `av.FFmpegError`."""
    # "file:", or FFmpeg would take a name such as "concat:a|b" for a protocol.
    container: InputContainer = av.open(f"file:{file.absolute()}", options=OPTIONS)
    return container


def _chosen(tracks: tuple[AudioStream, ...], wanted: int | None) -> AudioStream:
    if not tracks:
        raise NoAudioTrackError("the file has no audio track.")
    if wanted is None:
        return next((t for t in tracks if t.disposition & t.disposition.default), tracks[0])
    if wanted >= len(tracks):
        count = len(tracks)
        raise OptionsInvalidError(
            f"option 'audio_track' is {wanted}: the file has {count} audio track"
            f"{'' if count == 1 else 's'}, counted from 0."
        )
    return tracks[wanted]


def _source(container: InputContainer, stream: AudioStream) -> JsonObject:
    return {
        "duration": _promised_duration(container, stream),
        "format": container.format.name,
        "codec": stream.codec_context.name,
        "channels": stream.channels,
        "sample_rate": stream.rate,
        "tracks": len(container.streams.audio),
    }


def _promised_duration(container: InputContainer, stream: AudioStream) -> float | None:
    """How long the audio is if the file is whole, where the file itself says so."""
    if container.format.name in _GUESSED_DURATION:
        return None
    if stream.duration is not None and stream.time_base is not None:
        return float(stream.duration * stream.time_base)
    if container.duration is not None and len(container.streams) == 1:
        return float(container.duration / av.time_base)
    return None


class _Copy:
    """One track on its way to the disk."""

    def __init__(
        self,
        container: InputContainer,
        stream: AudioStream,
        output: BinaryIO,
        longest: float,
        tell: Tell,
    ) -> None:
        self._container, self._stream, self._output = container, stream, output
        self._longest, self._tell = longest, tell
        self._has_odd_floats = stream.codec_context.name.startswith(_FLOAT_CODECS)
        self._resampler, self._form = _new_resampler(), ""
        self._written = 0
        self._told = 0.0

    def run(self) -> int:
        """How many packets were damaged."""
        timeline = Timeline(*_bounds(self._container))
        damaged = 0
        for frame in self._frames():
            if frame is None:
                damaged += 1
                continue
            gap = timeline.gap_before(_moment(frame), frame.samples / frame.sample_rate)
            if gap or self._has_changed(frame):
                self._flush()
                self._skip(gap)
            self._take(frame)
        self._flush()
        self._output.truncate()
        return damaged

    def _frames(self) -> Iterator[av.AudioFrame | None]:
        """None stands for a packet that cannot be decoded; what is missing shows at the end."""
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError:
                return
            if packet is None:
                return
            try:
                yield from packet.decode()
            except av.FFmpegError:
                yield None

    def _has_changed(self, frame: av.AudioFrame) -> bool:
        """A stream may go from stereo to mono; a resampler takes one form only."""
        form = f"{frame.format.name} {frame.layout.name} {frame.sample_rate}"
        before, self._form = self._form, form
        return before not in {"", form}

    def _take(self, frame: av.AudioFrame) -> None:
        whole = _without_odd_floats(frame) if self._has_odd_floats else frame
        whole.pts = None  # the timeline has seen to the gaps
        self._write(self._resampler.resample(whole))

    def _flush(self) -> None:
        if not self._form:
            return
        self._write(self._resampler.resample(None))
        self._resampler = _new_resampler()

    def _skip(self, seconds: float) -> None:
        """A hole, which reads as zeros and takes no room."""
        size = round(seconds * SAMPLE_RATE) * BYTES_PER_SAMPLE
        self._advance(size)
        self._output.seek(size, SEEK_CUR)

    def _write(self, frames: list[av.AudioFrame]) -> None:
        for frame in frames:
            pcm = bytes(frame.planes[0])[: frame.samples * BYTES_PER_SAMPLE]
            self._advance(len(pcm))
            self._output.write(pcm)

    def _advance(self, size: int) -> None:
        self._written += size
        position = self._written / BYTES_PER_SECOND
        if position > self._longest:
            hours = self._longest / 3600
            raise TooLargeError(f"the audio is longer than the limit of {hours:g} hours.")
        if position - self._told >= _TOLD_EVERY or not self._told:
            self._told = position
            self._tell(position)


def _new_resampler() -> AudioResampler:
    return AudioResampler(format="s16", layout="mono", rate=SAMPLE_RATE)


def _bounds(container: InputContainer) -> tuple[float | None, float | None]:
    """When the file starts, by its own clock, and how long it lasts, both as it says."""
    # Typed as if they were always there.
    moments = cast("tuple[int | None, int | None]", (container.start_time, container.duration))
    start, length = (None if moment is None else moment / av.time_base for moment in moments)
    return start, length


def _moment(frame: av.AudioFrame) -> float | None:
    if frame.pts is None:
        return None
    return float(frame.pts * frame.time_base)


def _without_odd_floats(frame: av.AudioFrame) -> av.AudioFrame:
    """NaN and the infinite, which a float format may hold, as silence."""
    values = np.nan_to_num(frame.to_ndarray(), nan=0.0, posinf=0.0, neginf=0.0)
    whole = av.AudioFrame.from_ndarray(values, frame.format.name, frame.layout.name)
    whole.sample_rate = frame.sample_rate
    return whole
