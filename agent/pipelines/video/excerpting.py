"""Decodes one scene to bare frames and samples; the reader `video-clip` of the box.

What leaves the box is an array of known shape and no file format: whoever makes a film of it has
nothing to parse, so there is nothing in it that could attack him.
"""

from collections.abc import Callable, Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from av.audio.resampler import AudioResampler
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.video.frame import VideoFrame

from agent.model.ids import JsonObject
from agent.pipelines.errors import MediaUnreadableError
from agent.pipelines.video.clip_format import (
    FRAMES_NAME,
    SOUND_NAME,
    SOUND_RATE,
    Excerpt,
)
from agent.pipelines.video.picturing import picture
from agent.pipelines.video.source import (
    Moment,
    frames_of,
    guarded,
    opened,
    packets_from,
    pictures_of,
)


def excerpt(
    file: Path, scratch: Path, arguments: JsonObject, tell: Callable[[float], None]
) -> JsonObject:
    wanted = Excerpt.of(arguments)
    width, height, count = _write_frames(file, scratch / FRAMES_NAME, wanted, tell)
    if not count:
        raise MediaUnreadableError("not one frame of the scene could be decoded.")
    samples = _write_sound(file, scratch / SOUND_NAME, wanted)
    return {"width": width, "height": height, "frames": count, "samples": samples}


def _write_frames(
    file: Path, target: Path, wanted: Excerpt, tell: Callable[[float], None]
) -> tuple[int, int, int]:
    """At a steady rate: a frame that is shown for longer is written more often."""
    size, count = (0, 0), 0
    with opened(file) as container, target.open("wb") as output:
        before = b""
        for time, frame, aspect in _shown(container, wanted):
            while before and count / wanted.rate < time - wanted.start - 1e-6:
                output.write(before)
                count += 1
            before, size = _planar(frame, aspect, wanted.side)
            tell(time)
        while before and count < round((wanted.end - wanted.start) * wanted.rate):
            output.write(before)
            count += 1
    return *size, count


def _shown(container: InputContainer, wanted: Excerpt) -> Iterator[tuple[float, VideoFrame, float]]:
    """The frames of the scene, and how wide their pixels are."""
    stream = pictures_of(container)
    if stream is None:
        return
    guarded(stream).thread_type = "AUTO"
    moment, aspect = Moment.of(container, stream), float(stream.sample_aspect_ratio or 1) or 1.0
    for packet in packets_from(container, stream, wanted.start):
        for frame in frames_of(packet):
            time = moment.seconds(frame)
            if time is None or time < wanted.start - 1e-3:
                continue
            if time >= wanted.end - 1e-3:
                return
            yield time, frame, aspect


def _planar(frame: VideoFrame, aspect: float, side: int) -> tuple[bytes, tuple[int, int]]:
    """I420, whose sides are even."""
    image = np.asarray(picture(frame, aspect, side, side))
    height, width = (max(2, length // 2 * 2) for length in image.shape[:2])
    even = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
    return cv2.cvtColor(even, cv2.COLOR_RGB2YUV_I420).tobytes(), (width, height)


def _write_sound(file: Path, target: Path, wanted: Excerpt) -> int:
    """Stereo samples of 16 bits; how many there are of each side."""
    with opened(file) as container, target.open("wb") as output:
        if not container.streams.audio:
            return 0
        for part in _samples(container, container.streams.audio[0], wanted):
            output.write(part)
        return output.tell() // 4


def _samples(container: InputContainer, stream: AudioStream, wanted: Excerpt) -> Iterator[bytes]:
    resampler = AudioResampler(format="s16", layout="stereo", rate=SOUND_RATE)
    left = round((wanted.end - wanted.start) * SOUND_RATE)
    container.seek(round(wanted.start * av.time_base) + (container.start_time or 0))
    begin = wanted.start + (container.start_time or 0) / av.time_base
    for packet in container.demux(stream):
        for frame in _decoded(packet):
            time = frame.time or 0.0
            for resampled in resampler.resample(frame):
                skipped = max(0, min(resampled.samples, round((begin - time) * SOUND_RATE)))
                part = bytes(resampled.planes[0])[skipped * 4 : resampled.samples * 4][: left * 4]
                left -= len(part) // 4
                yield part
        if left <= 0:
            return


def _decoded(packet: "av.Packet[AudioStream]") -> list[av.AudioFrame]:
    try:
        return list(packet.decode())
    except av.FFmpegError:
        return []
