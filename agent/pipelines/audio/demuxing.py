"""Reads the samples of a file through PyAV; runs in the decoder process only."""

import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from agent.model.ids import JsonObject
from agent.pipelines.audio.pcm_stream import HEADER_SIZE, SAMPLE_RATE

# Playlist and reference formats (hls, concat, dash, sdp …) read other files: none is in here.
_FORMATS = (
    "aac,ac3,aiff,amr,asf,au,avi,caf,flac,flv,matroska,mov,mp3,mp4,m4a,mpeg,mpegts,ogg,w64,wav,webm"
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
_GUESSED_DURATION = {"mp3", "aac", "ac3", "amr", "mpeg", "mpegts"}
"""Here FFmpeg may compute the duration from the bit rate, which is wrong by any factor."""


def decode(path: Path, output: BinaryIO) -> None:
    """Write the header and the samples of the first audio track."""
    try:
        # "file:", or FFmpeg would take a name such as "concat:a|b" for a protocol.
        with av.open(f"file:{path.absolute()}", options=_OPTIONS) as container:
            _decode(container, output)
    except av.FFmpegError:
        _say(output, {"unreadable": "the file is broken, or no audio or video that we know"})


def _decode(container: InputContainer, output: BinaryIO) -> None:
    if not container.streams.audio:
        _say(output, {"unreadable": "the file has no audio track"})
        return
    stream = container.streams.audio[0]
    _say(output, {"source": _source(container, stream)})
    output.writelines(_samples(container, stream))


def _say(output: BinaryIO, header: JsonObject) -> None:
    output.write(json.dumps(header).encode().ljust(HEADER_SIZE))


def _source(container: InputContainer, stream: AudioStream) -> JsonObject:
    return {
        "duration": _promised_duration(container, stream),
        "format": container.format.name,
        "codec": stream.codec_context.name,
        "channels": stream.channels,
        "sample_rate": stream.rate,
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


def _samples(container: InputContainer, stream: AudioStream) -> Iterator[bytes]:
    resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    # A damaged packet costs its 20 ms; what is missing altogether, the reader notices.
    with suppress(av.FFmpegError):
        for packet in container.demux(stream):
            with suppress(av.FFmpegError):
                for frame in packet.decode():
                    yield from _plain(resampler, frame)
    yield from _plain(resampler, None)


def _plain(resampler: AudioResampler, frame: av.AudioFrame | None) -> Iterator[bytes]:
    for resampled in resampler.resample(frame):
        yield bytes(resampled.planes[0])[: resampled.samples * 4]
