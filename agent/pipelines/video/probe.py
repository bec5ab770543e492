"""What is known of a video before its pictures are looked at, taken from a box with distrust."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from agent.model.ids import JsonObject, JsonValue
from agent.pipelines.errors import MediaUnreadableError

_TEXT = 60
_LARGEST = 1e9
_UNSTEADY = 0.2
"""A step between frames that differs by this share from the usual one counts as another rate."""
_MOST_UNSTEADY = 0.1


@dataclass(frozen=True, slots=True)
class Chapter:
    start: float
    end: float
    title: str


@dataclass(frozen=True, slots=True)
class SoundTrack:
    codec: str
    channels: int
    sample_rate: int
    language: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PictureTrack:
    codec: str
    profile: str
    width: int
    """As people see it: upright, with square pixels."""
    height: int
    rotation: int
    """By which the stored frames are turned counter-clockwise to stand upright."""
    rate: float
    """Frames per second, on average; 0 where nobody knows."""
    is_rate_variable: bool
    pixel_format: str
    bits: int
    hdr: str | None
    """`PQ` or `HLG`."""
    promised: float | None
    """How long the track is, where it says so itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    format: str
    duration: float | None
    """As the header promises it."""
    bit_rate: int | None
    created: str | None
    chapters: tuple[Chapter, ...]
    audio: tuple[SoundTrack, ...]
    subtitles: tuple[str, ...]
    """The languages of subtitle tracks."""
    has_cover: bool
    video: PictureTrack | None


def probe_of(answer: JsonObject) -> Probe:
    """Raises `MediaUnreadableError` for an answer that no honest box gives."""
    try:
        return _probe(answer)
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise MediaUnreadableError("what the file says about itself makes no sense.") from error


def _probe(answer: JsonObject) -> Probe:
    video = answer["video"]
    bit_rate = answer["bit_rate"]
    return Probe(
        format=text(answer["format"]),
        duration=None if answer["duration"] is None else number(answer["duration"]),
        bit_rate=None if bit_rate is None else round(number(bit_rate, 1e15)),
        created=None if answer["created"] is None else text(answer["created"]),
        chapters=tuple(_chapter(fields_of(each)) for each in listed(answer["chapters"])),
        audio=tuple(_sound(fields_of(each)) for each in listed(answer["audio"])),
        subtitles=tuple(text(each) for each in listed(answer["subtitles"])),
        has_cover=answer["has_cover"] is True,
        video=None if video is None else _pictures(fields_of(video)),
    )


def _chapter(fields: JsonObject) -> Chapter:
    return Chapter(number(fields["start"]), number(fields["end"]), text(fields["title"], 200))


def _sound(fields: JsonObject) -> SoundTrack:
    return SoundTrack(
        text(fields["codec"]),
        round(number(fields["channels"])),
        round(number(fields["sample_rate"])),
        text(fields["language"]),
    )


def _pictures(fields: JsonObject) -> PictureTrack:
    rotation = round(number(fields["rotation"], 360, least=-360)) // 90 * 90 % 360
    width, height = (round(number(fields[name], 1e5)) for name in ("width", "height"))
    width = max(1, round(width * min(10.0, max(0.1, number(fields["aspect"], 1e3)))))
    steps = [number(step) for step in listed(fields["steps"])]
    hdr = fields["hdr"]
    return PictureTrack(
        codec=text(fields["codec"]),
        profile=text(fields["profile"]),
        width=height if rotation % 180 else width,
        height=width if rotation % 180 else height,
        rotation=rotation,
        rate=number(fields["rate"]) or _rate(steps),
        is_rate_variable=is_unsteady(steps),
        pixel_format=text(fields["pixel_format"]),
        bits=round(number(fields["bits"], 64)),
        hdr=None if hdr is None else text(hdr),
        promised=None if fields["duration"] is None else number(fields["duration"]),
    )


def _rate(steps: Sequence[float]) -> float:
    total = sum(steps)
    return len(steps) / total if total else 0.0


def is_unsteady(steps: Sequence[float]) -> bool:
    """Whether the frames come at no one rate; a hiccup or two is none."""
    if not steps:
        return False
    usual = statistics.median(steps)
    odd = sum(abs(step - usual) > _UNSTEADY * usual for step in steps)
    return odd > _MOST_UNSTEADY * len(steps)


def number(value: JsonValue, largest: float = _LARGEST, *, least: float = 0.0) -> float:
    """A finite number within the bounds; a number outside is moved to the nearer one."""
    if isinstance(value, bool) or not isinstance(value, int | float) or value != value:  # noqa: PLR0124 - NaN
        raise TypeError("not a number")
    return float(min(max(value, least), largest))


def text(value: JsonValue, length: int = _TEXT) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value[:length]


def listed(value: JsonValue, most: int = 1000) -> list[JsonValue]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return value[:most]


def fields_of(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        raise TypeError("not an object")
    return value
