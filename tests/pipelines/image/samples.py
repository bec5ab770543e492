"""Makes image files of every kind; each shows four colours, so that no turn goes unnoticed."""

import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from agent.pipelines.ocr.engine import Pixels

RED, GREEN, BLUE, YELLOW = (220, 30, 30), (30, 160, 40), (30, 50, 200), (240, 220, 40)
CORNERS = (RED, GREEN, BLUE, YELLOW)
"""Upper left, upper right, lower left, lower right."""


def quarters(width: int = 96, height: int = 64) -> Image.Image:
    picture = np.zeros((height, width, 3), np.uint8)
    for number, color in enumerate(CORNERS):
        top, left = height // 2 * (number // 2), width // 2 * (number % 2)
        picture[top : top + height - height // 2, left : left + width - width // 2] = color
    return Image.fromarray(picture)


def corners_of(pixels: Pixels) -> tuple[tuple[int, ...], ...]:
    height, width = pixels.shape[:2]
    places = [(y, x) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]
    return tuple(tuple(pixels[place].tolist()) for place in places)


def look_alike(some: tuple[tuple[int, ...], ...], tolerance: int = 12) -> bool:
    """The four colours, or what a lossy format has made of them."""
    return bool((abs(np.array(some) - np.array(CORNERS)) <= tolerance).all())


def photo(seed: int, width: int = 320, height: int = 240) -> Image.Image:
    """Soft patches of colour, another picture for each seed."""
    coarse = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def save_heic(picture: Image.Image, target: Path) -> Path:
    """One HEVC picture in the boxes of ISO 23008-12. No encoder that we have writes those."""
    sample, configuration = _hevc(picture)
    target.write_bytes(_heif(sample, configuration, *picture.size))
    return target


def _hevc(picture: Image.Image) -> tuple[bytes, bytes]:
    """The coded picture, and the decoder's configuration: both as in an MP4 file."""
    with tempfile.TemporaryDirectory() as folder:
        still, film = Path(folder, "still.png"), Path(folder, "film.mp4")
        picture.save(still)
        coding = ["-c:v", "libx265", "-pix_fmt", "yuv420p", "-tag:v", "hvc1"]
        options = ["-x265-params", "log-level=none:info=0:crf=4"]
        command = ["ffmpeg", "-v", "error", "-i", str(still), *coding, *options, str(film)]
        subprocess.run(command, check=True)
        raw = film.read_bytes()
    return _box_in(raw, b"mdat"), _box_in(raw, b"hvcC")


def _box_in(raw: bytes, kind: bytes) -> bytes:
    name = raw.index(kind)
    (size,) = struct.unpack(">I", raw[name - 4 : name])
    return raw[name + 4 : name - 4 + size]


def _heif(sample: bytes, configuration: bytes, width: int, height: int) -> bytes:
    opening = _box(b"ftyp", b"heic", struct.pack(">I", 0), b"mif1heic")
    start = len(opening) + len(_meta(configuration, width, height, 0, len(sample))) + 8
    meta = _meta(configuration, width, height, start, len(sample))
    return opening + meta + _box(b"mdat", sample)


def _meta(configuration: bytes, width: int, height: int, start: int, length: int) -> bytes:
    extent = _full(struct.pack(">III", width, height, 0)[:8])
    shared = _box(b"ipco", _box(b"hvcC", configuration), _box(b"ispe", extent))
    uses = _box(b"ipma", _full(struct.pack(">IHBBB", 1, 1, 2, 0x81, 2)))
    place = struct.pack(">HHHHHII", 0x4400, 1, 1, 0, 1, start, length)
    item = _box(b"infe", _full(struct.pack(">HH", 1, 0) + b"hvc1\0", version=2))
    return _box(
        b"meta",
        _full(b""),
        _box(b"hdlr", _full(bytes(4) + b"pict" + bytes(13))),
        _box(b"pitm", _full(struct.pack(">H", 1))),
        _box(b"iloc", _full(place)),
        _box(b"iinf", _full(struct.pack(">H", 1) + item)),
        _box(b"iprp", shared, uses),
    )


def _box(kind: bytes, *content: bytes) -> bytes:
    body = b"".join(content)
    return struct.pack(">I", 8 + len(body)) + kind + body


def _full(content: bytes, version: int = 0) -> bytes:
    return struct.pack(">I", version << 24) + content


def huge_png(width: int, height: int) -> bytes:
    """Next to nothing on the disk."""
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        _chunk(kind, content)
        for kind, content in ((b"IHDR", head), (b"IDAT", zlib.compress(b"")), (b"IEND", b""))
    )


def _chunk(kind: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + check


def with_red_and_blue_exchanged(profile: bytes) -> bytes:
    """A colour profile in which what is called red, is blue."""
    return (
        profile.replace(b"rXYZ", b"????", 1)
        .replace(b"bXYZ", b"rXYZ", 1)
        .replace(b"????", b"bXYZ", 1)
    )
