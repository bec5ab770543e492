"""A contact sheet: what is in a video, at one look."""

import math
from collections.abc import Iterator, Sequence

from PIL import Image, ImageDraw, ImageFont

from agent.pipelines.timecode import clock

MOST_CELLS = 30
CELL = (320, 240)
_COLUMNS, _GAP, _CAPTION = 5, 6, 18
_PAPER, _INK = "#101418", "#e8eef4"


def contact_sheet(pictures: Sequence[tuple[float, Image.Image]]) -> Image.Image:
    """Of pictures with their times in seconds, each with its time below it."""
    columns = min(_COLUMNS, len(pictures))
    width = max(picture.width for _, picture in pictures)
    height = max(picture.height for _, picture in pictures) + _CAPTION
    rows = math.ceil(len(pictures) / columns)
    size = (columns * (width + _GAP) + _GAP, rows * (height + _GAP) + _GAP)
    sheet = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for (left, top), (time, picture) in zip(
        _corners(columns, width + _GAP, height + _GAP), pictures, strict=False
    ):
        sheet.paste(picture, (left + (width - picture.width) // 2, top))
        draw.text((left + 2, top + height - _CAPTION + 2), clock(time), fill=_INK, font=font)
    return sheet


def _corners(columns: int, across: int, down: int) -> Iterator[tuple[int, int]]:
    number = 0
    while True:
        yield _GAP + number % columns * across, _GAP + number // columns * down
        number += 1


def evenly(pictures: Sequence[float], most: int = MOST_CELLS) -> tuple[float, ...]:
    """At most that many of them, spread over all."""
    count = min(most, len(pictures))
    return tuple(pictures[number * len(pictures) // count] for number in range(count))
