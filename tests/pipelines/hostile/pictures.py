"""Broken and hostile images."""

import io
import struct
import zipfile
import zlib
from pathlib import Path

from PIL import Image

from tests.pipelines.hostile.hostile_input import (
    READ,
    TOO_LARGE,
    UNREADABLE,
    UNSUPPORTED,
    HostileInput,
    failing,
    failing_or_read,
)
from tests.pipelines.hostile.sounds_and_films import Make, noise, written


def png(width: int, height: int, rows: bytes | None = None) -> bytes:
    """A valid PNG of one colour, however large, in a few kilobytes; or with these rows."""
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    lines = zlib.compress(bytes(1 + (width + 7) // 8) * height, 9) if rows is None else rows
    chunks = ((b"IHDR", header), (b"IDAT", lines), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
        for kind, body in chunks
    )


def photo(kind: str, size: tuple[int, int] = (320, 240)) -> bytes:
    picture = Image.effect_noise(size, 80).convert("RGB")
    file = io.BytesIO()
    picture.save(file, kind)
    return file.getvalue()


def half_of(kind: str) -> Make:
    return written(photo(kind)[: len(photo(kind)) // 2])


def animation(file: Path, _secret: Path) -> None:
    frames = [Image.new("P", (8, 8), number % 256) for number in range(5000)]
    frames[0].save(file, "GIF", save_all=True, append_images=frames[1:])


def looping_tiff() -> bytes:
    """Its only directory says that the next one is itself."""
    entries = (
        (256, 4, 1, 8), (257, 4, 1, 8), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1),
        (273, 4, 1, 8), (278, 4, 1, 8), (279, 4, 1, 64),
    )  # fmt: skip
    start = 8 + 64
    directory = struct.pack("<H", len(entries))
    directory += b"".join(struct.pack("<HHII", *entry) for entry in entries)
    directory += struct.pack("<I", start)
    return b"II*\0" + struct.pack("<I", start) + bytes(64) + directory


def jpeg_and_zip(file: Path, _secret: Path) -> None:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as members:
        members.writestr("evil.txt", "x")
    file.write_bytes(photo("JPEG") + archive.getvalue())


def svg_with_entity(file: Path, secret: Path) -> None:
    file.write_text(
        f'<!DOCTYPE svg [<!ENTITY x SYSTEM "file://{secret}">]>'
        '<svg xmlns="http://www.w3.org/2000/svg"><text>&x;</text></svg>'
    )


def postscript(file: Path, secret: Path) -> None:
    file.write_text(
        f"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({secret}) (r) file 99 string readstring"
    )


_BMP = b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 2**30, -(2**30), 1, 24, *[0] * 6)
_HEIC = struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + noise(3000)
_WEBP = b"RIFF" + struct.pack("<I", 3000) + b"WEBPVP8 " + struct.pack("<I", 2988) + noise(2988)

PICTURES = tuple(
    HostileInput(name, "image", filename, make, ends)
    for name, filename, make, ends in (
        ("empty", "a.png", written(b""), failing(UNREADABLE)),
        ("noise", "a.jpg", written(noise(50_000)), failing(UNREADABLE, UNSUPPORTED)),
        ("400 megapixels", "a.png", written(png(20_000, 20_000)), failing(TOO_LARGE)),
        ("160 megapixels", "a.png", written(png(16_000, 10_000)), failing(TOO_LARGE)),
        ("a line of millions", "a.png", written(png(2**31 - 1, 1, b"x")),
         failing(TOO_LARGE, UNREADABLE)),
        ("a PNG without its end", "a.png", half_of("PNG"), failing_or_read(UNREADABLE)),
        ("a JPEG without its end", "a.jpg", half_of("JPEG"), failing_or_read(UNREADABLE)),
        ("a broken PNG stream", "a.png", written(png(64, 64, noise(500))), failing(UNREADABLE)),
        ("5,000 frames", "a.gif", animation, failing_or_read(TOO_LARGE)),
        ("a TIFF that never ends", "a.tif", written(looping_tiff()),
         failing_or_read(UNREADABLE, TOO_LARGE)),
        ("JPEG and ZIP in one", "a.jpg", jpeg_and_zip, READ),
        ("SVG with the owner's file", "a.png", svg_with_entity, failing(UNREADABLE, UNSUPPORTED)),
        ("PostScript program", "a.eps", postscript, failing(UNREADABLE, UNSUPPORTED)),
        ("BMP of an exapixel", "a.bmp", written(_BMP), failing(UNREADABLE, TOO_LARGE)),
        ("HEIC of noise", "a.heic", written(_HEIC), failing(UNREADABLE, UNSUPPORTED)),
        ("WebP of noise", "a.webp", written(_WEBP), failing(UNREADABLE, UNSUPPORTED)),
        ("one pixel", "a.png", written(photo("PNG", (1, 1))), READ),
        ("a thread of pixels", "a.png", written(photo("PNG", (1, 20_000))), READ),
    )
)  # fmt: skip
