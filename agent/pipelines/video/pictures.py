"""What the box has seen in a video, taken from it with distrust."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.model.ids import Bytes, JsonObject, JsonValue
from agent.pipelines.box.scratch import opened
from agent.pipelines.errors import MediaUnreadableError
from agent.pipelines.video.choosing import Scene
from agent.pipelines.video.probe import fields_of, listed, number, text
from agent.pipelines.video.wishes import Wishes

Rgb = npt.NDArray[np.uint8]

_MOST_SCENES = 100_000
_LARGEST_PICTURE = Bytes(32 * 1024 * 1024)
_LONGEST_SIDE = 1920
_JPEG = b"\xff\xd8\xff"


@dataclass(frozen=True, slots=True)
class Screen:
    """A key frame as bare pixels, in a file of the scratch folder."""

    name: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class KeyFrame:
    time: float
    scene: int
    name: str
    """In the scratch folder."""
    screen: Screen | None


@dataclass(frozen=True, slots=True)
class Thumbnail:
    time: float
    names: tuple[str, ...]
    """In the scratch folder, one of each size."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    duration: float
    """Of the pictures, as measured."""
    frames: int
    frames_compared: int
    decoder: str
    scenes: tuple[Scene, ...]
    key_frames: tuple[KeyFrame, ...]
    thumbnails: tuple[Thumbnail, ...]
    sheet: str | None
    """In the scratch folder."""


def view_of(answer: JsonObject, wishes: Wishes) -> View:
    """Raises `MediaUnreadableError` for an answer that no honest box gives."""
    try:
        return _view(answer, wishes)
    except (TypeError, ValueError, KeyError) as error:
        raise MediaUnreadableError("what was seen in the video makes no sense.") from error


def _view(answer: JsonObject, wishes: Wishes) -> View:
    scenes = tuple(_scene(listed(each)) for each in listed(answer["scenes"], _MOST_SCENES))
    sheet = answer["sheet"]
    return View(
        duration=number(answer["duration"]),
        frames=round(number(answer["frames"])),
        frames_compared=round(number(answer["frames_compared"])),
        decoder=text(answer["decoder"], 200),
        scenes=scenes,
        key_frames=tuple(
            _key_frame(fields_of(each), len(scenes))
            for each in listed(answer["keyframes"], wishes.keyframes)
        ),
        thumbnails=tuple(
            _thumbnail(fields_of(each), len(wishes.sizes))
            for each in listed(answer["thumbnails"], wishes.thumbnails)
        ),
        sheet=None if sheet is None else text(sheet),
    )


def _scene(pair: Sequence[JsonValue]) -> Scene:
    start, end = (number(moment) for moment in pair)
    return Scene(start, max(start, end))


def _key_frame(fields: JsonObject, scenes: int) -> KeyFrame:
    screen = None
    if "screen" in fields:
        width, height = (round(number(side, _LONGEST_SIDE)) for side in listed(fields["size"]))
        screen = Screen(text(fields["screen"]), width, height)
    scene = round(number(fields["scene"], scenes - 1))
    return KeyFrame(number(fields["time"]), scene, text(fields["name"]), screen)


def _thumbnail(fields: JsonObject, sizes: int) -> Thumbnail:
    names = tuple(text(name) for name in listed(fields["names"]))
    if len(names) != sizes:
        raise ValueError("not one of each size")
    return Thumbnail(number(fields["time"]), names)


def take_picture(scratch: Path, name: str, target: Path) -> None:
    """Copies a JPEG that a box has written to a name of ours."""
    with opened(scratch, name, _LARGEST_PICTURE) as file:
        content = file.read(_LARGEST_PICTURE)
    if not content.startswith(_JPEG):
        raise MediaUnreadableError("the reader left something that is no picture.")
    target.parent.mkdir(exist_ok=True)
    target.write_bytes(content)


def pixels_of(scratch: Path, screen: Screen) -> Rgb:
    """Height x width x 3: red, green, blue."""
    size = screen.width * screen.height * 3
    with opened(scratch, screen.name) as file:
        content = file.read(size + 1)
    if len(content) != size:
        raise MediaUnreadableError("the reader left a picture of another size than it says.")
    return np.frombuffer(content, np.uint8).reshape(screen.height, screen.width, 3)
