"""A small JPEG of a picture: made from its pixels, so nothing else of the file is in it."""

from pathlib import Path

from PIL import Image

from agent.pipelines.ocr.engine import Pixels
from agent.pipelines.output import Written, named


def write_thumbnail(
    pixels: Pixels, folder: Path, name: str, *, longest_side: int, quality: int
) -> Written:
    """Never larger than the picture itself. `quality` is JPEG's, 1 to 100."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((longest_side, longest_side), Image.Resampling.LANCZOS, reducing_gap=3.0)
    picture.save(folder / name, "JPEG", quality=quality, optimize=True, progressive=True)
    return named(name)
