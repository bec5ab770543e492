"""Says what a stranger's file holds; the reader `video-probe`, which decodes one frame at most."""

from collections.abc import Callable
from fractions import Fraction
from itertools import islice, pairwise
from pathlib import Path

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.stream import Disposition, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from agent.model.ids import JsonObject, JsonValue
from agent.pipelines.video.source import (
    Moment,
    frames_of,
    guarded,
    opened,
    packets_from,
    pictures_of,
)

_HDR = {16: "PQ", 18: "HLG"}
"""Transfer functions of ITU-T H.273: SMPTE ST 2084 and ARIB STD-B67."""
_MEASURED = 500
"""Packets by whose times a variable frame rate is told."""
_MOST_CHAPTERS, _TITLE = 500, 200


def probe(
    file: Path, scratch: Path, arguments: JsonObject, tell: Callable[[float], None]
) -> JsonObject:
    del scratch, arguments
    with opened(file) as container:
        tell(0.0)
        stream = pictures_of(container)
        return {
            "format": container.format.name,
            "duration": _duration(container),
            "bit_rate": container.bit_rate or None,
            "created": _created(container),
            "chapters": _chapters(container),
            "audio": [_audio(track) for track in container.streams.audio],
            "subtitles": [_language(track) for track in container.streams.subtitles],
            "has_cover": any(
                track.disposition & Disposition.attached_pic for track in container.streams.video
            ),
            "video": None if stream is None else _video(container, guarded(stream)),
        }


def _duration(container: InputContainer) -> float | None:
    """What the header promises; files that were recorded live often say nothing."""
    return container.duration / av.time_base if container.duration else None


def _created(container: InputContainer) -> str | None:
    tags = {key.lower(): value for key, value in container.metadata.items()}
    names = ("com.apple.quicktime.creationdate", "creation_time", "date")
    return next((tags[name] for name in names if tags.get(name)), None)


def _chapters(container: InputContainer) -> list[JsonValue]:
    return [
        {
            "start": float(chapter["start"] * Fraction(chapter["time_base"] or 1)),
            "end": float(chapter["end"] * Fraction(chapter["time_base"] or 1)),
            "title": chapter["metadata"].get("title", "")[:_TITLE],
        }
        for chapter in container.chapters()[:_MOST_CHAPTERS]
    ]


def _language(track: Stream) -> str:
    return track.language or "und"


def _audio(track: AudioStream) -> JsonObject:
    return {
        "codec": track.codec_context.name,
        "channels": track.channels,
        "sample_rate": track.rate,
        "language": _language(track),
    }


def _video(container: InputContainer, stream: VideoStream) -> JsonObject:
    times, first = _beginning(container, stream)
    context, pixels = stream.codec_context, stream.codec_context.format
    return {
        "codec": context.name,
        "profile": context.profile or "",
        "width": stream.width,
        "height": stream.height,
        "aspect": float(stream.sample_aspect_ratio or 1) or 1.0,
        "rotation": first.rotation if first else 0,
        "rate": float(stream.average_rate or 0),
        "steps": [after - before for before, after in pairwise(times)],
        "pixel_format": pixels.name if pixels else "",
        "bits": max((part.bits for part in pixels.components), default=8) if pixels else 8,
        "hdr": _HDR.get(int(first.color_trc)) if first else None,
        "duration": float(stream.duration * stream.time_base)
        if stream.duration and stream.time_base
        else None,
    }


def _beginning(
    container: InputContainer, stream: VideoStream
) -> tuple[list[float], VideoFrame | None]:
    """When the first frames are shown, and the very first one."""
    moment, first = Moment.of(container, stream), None
    times: list[float] = []
    for packet in islice(packets_from(container, stream), _MEASURED):
        time = moment.seconds(packet) if packet.size else None
        times += [] if time is None else [time]
        first = first or next(frames_of(packet), None)
    return sorted(times), first
