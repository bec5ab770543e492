"""Opens a stranger's video; runs inside a box only."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias

import av
from av.codec.hwaccel import HWAccel
from av.container import InputContainer
from av.stream import Disposition
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from agent.pipelines.errors import MediaUnreadableError, TooLargeError

# Playlist and reference formats (hls, concat, dash, sdp …) read other files: none is in here.
_FORMATS = (
    "aac,ac3,aiff,amr,asf,au,avi,caf,dv,flac,flv,gif,ivf,m4v,matroska,mov,mp3,mp4,m4a,mpeg,"
    "mpegts,mxf,ogg,rm,w64,wav,webm"
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
MAX_PIXELS = 8192 * 4352
"""Of one frame: 8K with its padding. One of more is a bomb more often than a film."""
_MAX_STREAMS = 100


VideoPacket: TypeAlias = "av.Packet[VideoStream]"


@contextmanager
def opened(file: Path, hwaccel: HWAccel | None = None) -> Iterator[InputContainer]:
    try:
        # "file:", or FFmpeg would take a name such as "concat:a|b" for a protocol.
        container = av.open(f"file:{file.absolute()}", options=_OPTIONS, hwaccel=hwaccel)
    except av.FFmpegError as error:
        raise MediaUnreadableError(
            "the file is broken, or no audio or video that we know."
        ) from error
    with container:
        if len(container.streams) > _MAX_STREAMS:
            raise TooLargeError(f"the file holds more than {_MAX_STREAMS} streams.")
        yield container


def pictures_of(container: InputContainer) -> VideoStream | None:
    """The largest video track that is no cover art; MoRAG's files mark none as the main one."""
    tracks = [
        stream
        for stream in container.streams.video
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
    ]
    return max(tracks, key=lambda stream: stream.width * stream.height, default=None)


def guarded(stream: VideoStream) -> VideoStream:
    """`stream`, unless a frame of it is a bomb; the decoder refuses one that grows later."""
    if stream.width * stream.height > MAX_PIXELS:
        raise TooLargeError(
            f"a frame has {stream.width}x{stream.height} pixels;"
            f" at most {MAX_PIXELS // 10**6} million are read."
        )
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


@dataclass(frozen=True, slots=True)
class Moment:
    """When a packet or a frame is shown, from the start of the file."""

    start: int
    """Of the container, in `base`: many files do not begin at zero."""
    base: Fraction

    @classmethod
    def of(cls, container: InputContainer, stream: VideoStream) -> "Moment":
        base = stream.time_base or Fraction(1, av.time_base)
        start = Fraction(container.start_time or 0, av.time_base)
        return cls(round(start / base), base)

    def seconds(self, shown: "VideoPacket | VideoFrame") -> float | None:
        ticks = shown.pts if shown.pts is not None else shown.dts
        return None if ticks is None else float((ticks - self.start) * self.base)

    def ticks(self, seconds: float) -> int:
        return round(seconds / self.base) + self.start


def packets_from(
    container: InputContainer, stream: VideoStream, start: float | None = None
) -> Iterator[VideoPacket]:
    """From the key frame at or before `start`; a damaged file ends early, without an error."""
    with suppress(av.FFmpegError):
        if start is not None:
            ticks = Moment.of(container, stream).ticks(start)
            container.seek(ticks, stream=stream, backward=True, any_frame=False)
        yield from container.demux(stream)


def frames_of(packet: VideoPacket) -> Iterator[VideoFrame]:
    """A damaged packet costs its own picture only."""
    with suppress(av.FFmpegError):
        for frame in packet.decode():
            if isinstance(frame, VideoFrame):
                yield frame
