"""Writes small PDF files, so that tests know every letter in them."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import md5
from pathlib import Path
from typing import TypeAlias

from PIL import Image, ImageDraw

A4 = (595, 842)


@dataclass(frozen=True, slots=True)
class Put:
    """Text at a distance from the left and from the top, in points."""

    text: str
    x: float
    top: float
    size: float = 10
    bold: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """A line from one point to another."""

    x0: float
    top0: float
    x1: float
    top1: float


Item: TypeAlias = Put | Rule


def paragraph(text: str, x: float, top: float, width: int) -> list[Put]:
    """Lines of about `width` letters, 12 points apart."""
    lines, line = [], ""
    for word in text.split():
        if line and len(line) + len(word) >= width:
            lines.append(line)
            line = word
        else:
            line = f"{line} {word}".strip()
    return [Put(each, x, top + 12 * at) for at, each in enumerate([*lines, line])]


def write_pdf(
    path: Path, pages: Sequence[Sequence[Item]], facts: str = "", extra: str = ""
) -> Path:
    """`facts` such as `/Title (A)`; `extra` goes into the trailer."""
    return _save(path, [_page_stream(items) for items in pages], facts, extra)


def write_bomb(path: Path, size: int) -> Path:
    """One page that unpacks to blanks without end."""
    return _save(path, [b" " * size], "", "")


def write_scan(path: Path, texts: Sequence[str], also: Sequence[Sequence[Item]] = ()) -> Path:
    """A page per text that is a picture of it, then the pages in `also`, which are none."""
    pictures = [_picture(text) for text in texts]
    streams = [b"q 595 0 0 842 0 0 cm /Im%d Do Q" % at for at in range(len(pictures))]
    return _save(path, [*streams, *map(_page_stream, also)], "", "", pictures)


def write_locked(path: Path, text: str, password: str) -> Path:
    """One page that opens with `password` only (RC4 with 40 bits, as PDF 1.1 has it)."""
    identity = b"0123456789abcdef"
    owner = _rc4(md5(_padded(password), usedforsecurity=False).digest()[:5], _padded(password))
    start = _padded(password) + owner + (-4).to_bytes(4, "little", signed=True) + identity
    key = md5(start, usedforsecurity=False).digest()[:5]
    lock = (
        "/Encrypt << /Filter /Standard /V 1 /R 2 /P -4"
        f" /O <{owner.hex()}> /U <{_rc4(key, _PADDING).hex()}> >>"
        f" /ID [<{identity.hex()}> <{identity.hex()}>]"
    )
    return _save(path, [_page_stream([Put(text, 60, 60)])], "", lock, key=key)


_PADDING = bytes.fromhex("28bf4e5e4e758a4164004e56fffa01082e2e00b6d0683e802f0ca9fe6453697a")


def _padded(password: str) -> bytes:
    return (password.encode() + _PADDING)[:32]


def _rc4(key: bytes, content: bytes) -> bytes:
    state = list(range(256))
    j = 0
    for i in range(256):
        j = (j + state[i] + key[i % len(key)]) % 256
        state[i], state[j] = state[j], state[i]
    out, i, j = bytearray(), 0, 0
    for byte in content:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)


def _picture(text: str) -> Image.Image:
    image = Image.new("L", (620, 877), 255)
    ImageDraw.Draw(image).text((60, 60), text, fill=0)
    return image


def _page_stream(items: Sequence[Item]) -> bytes:
    drawn = []
    for item in items:
        if isinstance(item, Rule):
            drawn.append(f"{item.x0} {842 - item.top0} m {item.x1} {842 - item.top1} l S")
        else:
            text = item.text.replace("\\", r"\\").replace("(", r"\(").replace(")", r"\)")
            font = "B" if item.bold else "R"
            baseline = 842 - item.top - item.size
            drawn.append(f"BT /{font} {item.size} Tf {item.x} {baseline} Td ({text}) Tj ET")
    return "\n".join(drawn).encode("cp1252")


def _save(
    path: Path,
    streams: Sequence[bytes],
    facts: str,
    extra: str,
    pictures: Sequence[Image.Image] = (),
    key: bytes | None = None,
) -> Path:
    fonts = 3
    first_picture = fonts + 2
    first_page = first_picture + len(pictures)
    kids = " ".join(f"{first_page + 2 * at} 0 R" for at in range(len(streams)))
    images = " ".join(f"/Im{at} {first_picture + at} 0 R" for at in range(len(pictures)))
    resources = f"<< /Font << /R {fonts} 0 R /B {fonts + 1} 0 R >> /XObject << {images} >> >>"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(streams)} >>".encode(),
        _font("Helvetica"),
        _font("Helvetica-Bold"),
        *map(_image, pictures),
    ]
    for at, stream in enumerate(streams):
        objects.append(
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Resources {resources}"
            f" /Contents {first_page + 2 * at + 1} 0 R >>".encode()
        )
        objects.append(_stream("", stream, _object_key(key, len(objects) + 1)))
    objects.append(f"<< {facts} >>".encode())
    return _write(path, objects, extra)


def _font(name: str) -> bytes:
    return (
        f"<< /Type /Font /Subtype /Type1 /BaseFont /{name} /Encoding /WinAnsiEncoding >>".encode()
    )


def _image(image: Image.Image) -> bytes:
    size = f"/Width {image.width} /Height {image.height}"
    kind = f"/Type /XObject /Subtype /Image {size} /ColorSpace /DeviceGray /BitsPerComponent 8"
    return _stream(kind, image.tobytes())


def _object_key(key: bytes | None, number: int) -> bytes | None:
    if key is None:
        return None
    salted = key + number.to_bytes(3, "little") + bytes(2)
    return md5(salted, usedforsecurity=False).digest()[:10]


def _stream(keys: str, content: bytes, key: bytes | None = None) -> bytes:
    packed = zlib.compress(content)
    packed = packed if key is None else _rc4(key, packed)
    head = f"<< {keys} /Filter /FlateDecode /Length {len(packed)} >>\nstream\n"
    return head.encode() + packed + b"\nendstream"


def _write(path: Path, objects: Sequence[bytes], extra: str) -> Path:
    content = bytearray(b"%PDF-1.4\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(content))
        content += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    table = len(content)
    content += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    content += b"".join(f"{offset:010} 00000 n \n".encode() for offset in offsets)
    content += (
        f"trailer << /Size {len(objects) + 1} /Root 1 0 R /Info {len(objects)} 0 R {extra} >>\n"
        f"startxref\n{table}\n%%EOF\n".encode()
    )
    path.write_bytes(content)
    return path
