"""Reads the sound of a file through FFmpeg; runs in a box only."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

import av
import numpy as np
import numpy.typing as npt
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from agent.model.ids import JsonObject
from agent.pipelines.box.request import Tell
from agent.pipelines.errors import (
    MediaUnreadableError,
    NoAudioTrackError,
    OptionsInvalidError,
    TooLargeError,
)
from agent.pipelines.spoken.pcm import SAMPLE_RATE

# Playlist and reference formats (hls, concat, dash, sdp …) read other files: none is in here.
FORMATS = (
    "aac,ac3,aiff,amr,asf,au,avi,caf,eac3,flac,flv,matroska,mov,mp3,mp4,m4a,mpeg,mpegts,ogg,w64,wav,"
    "webm,wv"
)
OPTIONS = {"protocol_whitelist": "file", "format_whitelist": FORMATS}
_GUESSED_DURATION = {"mp3", "aac", "ac3", "eac3", "amr", "mpeg", "mpegts"}
"""Here FFmpeg may compute the duration from the bit rate, which is wrong by any factor."""
_GAP, _JUMP = 0.1, 600.0
"""Seconds that are missing between two frames: less is rounding, more is a broken clock."""

Sound = npt.NDArray[np.float32]


def read(file: Path, scratch: Path, arguments: JsonObject, tell: Tell) -> JsonObject:
    """Write one audio track into `audio.s16`; the answer says what the file says about it."""
    try:
        with opened(file) as container:
            stream = _chosen(container, arguments.get("track"))
            source = _source(container, stream)
            with (scratch / "audio.s16").open("wb") as output:
                writer = _Writer(output, tell, float(str(arguments["max_s"])))
                damaged = _copy(container, stream, writer)
    except av.FFmpegError as error:
        raise MediaUnreadableError(
            "the file is broken, or no audio or video that we know."
        ) from error
    return {"source": source, "damaged_packets": damaged}


def opened(file: Path) -> InputContainer:
    """Raises `av.FFmpegError`."""
    # "file:", or FFmpeg would take a name such as "concat:a|b" for a protocol.
    container: InputContainer = av.open(f"file:{file.absolute()}", options=OPTIONS)
    return container


def _chosen(container: InputContainer, track: object) -> AudioStream:
    streams = container.streams.audio
    if not streams:
        raise NoAudioTrackError("the file has no audio track.")
    if not isinstance(track, int):
        best = container.streams.best("audio")
        return best if isinstance(best, AudioStream) else streams[0]
    if track >= len(streams):
        raise OptionsInvalidError(
            f"option 'audio_track' is {track}: the file has {len(streams)}, counted from 0."
        )
    return streams[track]


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


def _copy(container: InputContainer, stream: AudioStream, writer: "_Writer") -> int:
    """The number of packets that could not be decoded: each costs its 20 ms, and no more."""
    resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    clock = _Clock((container.start_time or 0) / av.time_base)
    damaged = 0
    # What is missing altogether at the end, whoever asked for the sound notices.
    with suppress(av.FFmpegError):
        for packet in container.demux(stream):
            try:
                for frame in packet.decode():
                    writer.pad_to(clock.position(frame.time))
                    writer.write(_plain(resampler, frame))
            except av.FFmpegError:
                damaged += 1
    writer.write(_plain(resampler, None))
    return damaged


def _plain(resampler: AudioResampler, frame: av.AudioFrame | None) -> Iterator[Sound]:
    for resampled in resampler.resample(frame):
        yield np.frombuffer(bytes(resampled.planes[0]), np.float32, resampled.samples)


@dataclass(slots=True)
class _Clock:
    """Where a frame belongs, so that what is said is said when the picture shows it."""

    origin: float
    _last: float = 0.0

    def position(self, time: float | None) -> float | None:
        if time is None:
            return None
        position = time - self.origin
        if abs(position - self._last) > _JUMP:  # a clock that jumps is set right, not believed
            self.origin += position - self._last
            position = self._last
        self._last = position
        return position


@dataclass(slots=True)
class _Writer:
    """Appends samples, and silence where the file has a hole."""

    output: BinaryIO
    tell: Tell
    longest: float
    _written: int = field(default=0)

    @property
    def _seconds(self) -> float:
        return self._written / SAMPLE_RATE

    def write(self, parts: Iterator[Sound]) -> None:
        for part in parts:
            # Float formats may hold NaN, which would spread through the whole model.
            whole = np.clip(np.nan_to_num(part, nan=0.0, posinf=0.0, neginf=0.0), -1.0, 1.0)
            self._append(np.rint(whole * np.float32(32767)).astype("<i2"))

    def pad_to(self, position: float | None) -> None:
        missing = 0.0 if position is None else position - self._seconds
        if missing > _GAP:
            self._append(np.zeros(round(missing * SAMPLE_RATE), "<i2"))

    def _append(self, samples: npt.NDArray[np.int16]) -> None:
        self.output.write(samples.tobytes())
        before, self._written = self._seconds, self._written + len(samples)
        if self._seconds > self.longest:
            hours = self.longest / 3600
            raise TooLargeError(f"the audio is longer than the limit of {hours:g} hours.")
        if int(before) != int(self._seconds):
            self.tell(self._seconds)
