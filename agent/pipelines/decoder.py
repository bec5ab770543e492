"""The main of the decoder, a process of its own: `python -m agent.pipelines.decoder FILE`.

It alone lets FFmpeg see the sender's file, so it alone is what a malicious file can take over. It
writes the stream of `pcm_stream` to its standard output; the reader decides how much it wants.
"""

import json
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO

import av
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer

from agent.model.ids import JsonObject
from agent.pipelines.parentage import die_with_parent, silence_stdout
from agent.pipelines.pcm_stream import HEADER_SIZE, SAMPLE_RATE

# Playlist and reference formats (hls, concat, dash, sdp …) read other files: none is in here.
_FORMATS = (
    "aac,ac3,aiff,amr,asf,au,avi,caf,flac,flv,matroska,mov,mp3,mp4,m4a,mpeg,mpegts,ogg,w64,wav,webm"
)
_OPTIONS = {"protocol_whitelist": "file", "format_whitelist": _FORMATS}
_GUESSED_DURATION = {"mp3", "aac", "ac3", "amr", "mpeg", "mpegts"}
"""Here FFmpeg may compute the duration from the bit rate, which is wrong by any factor."""

_BUFFER = 256 * 1024
_CPU_LIMIT = 3600
_MEMORY_LIMIT = 4 * 1024**3


def main() -> None:
    die_with_parent()
    _limit_resources()
    with os.fdopen(silence_stdout(), "wb", _BUFFER) as output:
        try:
            with av.open(f"file:{os.path.abspath(sys.argv[1])}", options=_OPTIONS) as container:  # noqa: PTH100
                _decode(container, output)
        except av.FFmpegError:
            _say(output, {"unreadable": "the file is broken, or no audio or video that we know"})


def _limit_resources() -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_LIMIT, _CPU_LIMIT))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_LIMIT, _MEMORY_LIMIT))


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


if __name__ == "__main__":
    main()
