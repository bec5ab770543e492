"""Draws the pictures of a video into the scratch folder; runs inside a box only."""

from pathlib import Path

from av.video.frame import VideoFrame
from PIL import Image

from agent.model.ids import JsonObject, JsonValue
from agent.pipelines.video.choosing import Choice
from agent.pipelines.video.picturing import picture
from agent.pipelines.video.sheet import CELL, contact_sheet
from agent.pipelines.video.wishes import Wishes

_LARGEST = 1920
"""Of either side; enough for small print on a slide."""


class Album:
    def __init__(self, scratch: Path, wishes: Wishes, aspect: float) -> None:
        self._scratch, self._wishes, self._aspect = scratch, wishes, aspect
        self._cells: list[tuple[float, Image.Image]] = []
        self.key_frames: list[JsonValue] = []
        self.thumbnails: list[JsonValue] = []

    def add_key_frame(self, choice: Choice, time: float, frame: VideoFrame) -> None:
        image = self._picture(frame, (_LARGEST, _LARGEST))
        number = len(self.key_frames) + 1
        entry: JsonObject = {
            "time": time,
            "scene": choice.scene,
            "name": self._saved(image, f"keyframe-{number:04}.jpg"),
        }
        if self._wishes.screens:
            entry["screen"] = f"screen-{number:04}.rgb"
            entry["size"] = [image.width, image.height]
            (self._scratch / f"screen-{number:04}.rgb").write_bytes(image.tobytes())
        self.key_frames.append(entry)

    def add_thumbnail(self, time: float, frame: VideoFrame) -> None:
        number = len(self.thumbnails) + 1
        names: list[JsonValue] = [
            self._saved(self._picture(frame, size), f"thumbnail-{number:04}-{place}.jpg")
            for place, size in enumerate(self._wishes.sizes)
        ]
        self.thumbnails.append({"time": time, "names": names})

    def add_cell(self, time: float, frame: VideoFrame) -> None:
        self._cells.append((time, self._picture(frame, CELL)))

    def sheet(self) -> str | None:
        return self._saved(contact_sheet(self._cells), "sheet.jpg") if self._cells else None

    def _picture(self, frame: VideoFrame, size: tuple[int, int]) -> Image.Image:
        return picture(frame, self._aspect, *size)

    def _saved(self, image: Image.Image, name: str) -> str:
        image.save(self._scratch / name, "JPEG", quality=self._wishes.quality)
        return name
