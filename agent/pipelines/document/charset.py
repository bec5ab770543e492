"""Turns the bytes of a text file into text, or says why they are none."""

import codecs
from dataclasses import dataclass

from charset_normalizer import from_bytes

from agent.pipelines.errors import MediaUnreadableError

_BOMS = (  # UTF-32 first: its little-endian mark begins with that of UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_LOOKS = (
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive or an Office document"),
    (b"\xd0\xcf\x11\xe0", "an old Office document"),
    (b"\x89PNG", "a PNG image"),
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"GIF8", "a GIF image"),
    (b"RIFF", "a WAV, AVI or WebP file"),
    (b"OggS", "an Ogg file"),
    (b"fLaC", "a FLAC file"),
    (b"ID3", "an MP3 file"),
    (b"\x1aE\xdf\xa3", "a Matroska or WebM file"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x7fELF", "a program"),
    (b"MZ", "a Windows program"),
    (b"SQLite format 3", "an SQLite database"),
)
_SAMPLE = 64 * 1024
_CONTROLS = frozenset(map(chr, range(32))) - frozenset("\t\n\r\f\v\x1b")
_MOST_CONTROLS = 0.01
_MIN_ZEROS = 0.2
"""UTF-16 of a Western text has a zero in every second byte; leave room for other scripts in it."""


@dataclass(frozen=True, slots=True)
class Text:
    content: str
    """Newlines are `\\n`; no byte order mark."""
    encoding: str


def read_text(raw: bytes) -> Text:
    if not raw.strip(b"\0 \t\r\n\f\v"):
        raise MediaUnreadableError("the file is empty." if not raw else "the file holds no text.")
    encoding, content = _decode(raw)
    controls = sum(character in _CONTROLS for character in content[:_SAMPLE])
    if controls > _MOST_CONTROLS * min(len(content), _SAMPLE):
        raise _not_text(raw)
    return Text(content.replace("\r\n", "\n").replace("\r", "\n"), encoding)


def _decode(raw: bytes) -> tuple[str, str]:
    for mark, encoding in _BOMS:
        if raw.startswith(mark):
            return encoding, _decode_strictly(raw, encoding).removeprefix("\ufeff")
    if b"\0" in raw[:_SAMPLE]:
        encoding = _utf16_without_mark(raw)
        return encoding, _decode_strictly(raw, encoding)
    try:
        return "utf-8", raw.decode("utf-8")
    except UnicodeDecodeError:
        encoding = _detect(raw)
        return encoding, _decode_strictly(raw, encoding)


def _decode_strictly(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise _not_text(raw) from error


def _utf16_without_mark(raw: bytes) -> str:
    sample = raw[:_SAMPLE]
    for start, encoding in ((1, "utf-16-le"), (0, "utf-16-be")):
        high_bytes, low_bytes = sample[start::2], sample[1 - start :: 2]
        zeros = high_bytes.count(0)
        if zeros > _MIN_ZEROS * len(high_bytes) and low_bytes.count(0) * 10 < zeros:
            return encoding
    raise _not_text(raw)


def _detect(raw: bytes) -> str:
    if _look(raw) is not None:
        raise _not_text(raw)
    best = from_bytes(raw[:_SAMPLE]).best()
    if best is None:
        raise _not_text(raw)
    # Too short for a language to show, it is a lottery: then take what most such files are.
    return best.encoding if best.coherence else _likeliest(raw, best.encoding)


def _likeliest(raw: bytes, otherwise: str) -> str:
    try:
        raw.decode("cp1252")
    except UnicodeDecodeError:
        return otherwise
    return "cp1252"


def _not_text(raw: bytes) -> MediaUnreadableError:
    look = _look(raw)
    return MediaUnreadableError(
        f"this is not text but looks like {look}."
        if look
        else "this is binary data, or text in no known encoding."
    )


def _look(raw: bytes) -> str | None:
    if raw[4:8] == b"ftyp":
        return "an MP4 or M4A file"
    return next((look for start, look in _LOOKS if raw.startswith(start)), None)
