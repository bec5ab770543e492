"""Inside the box: what a file says of itself beside its pixels, of which any may be a lie."""

import io
import math
import re
from collections.abc import Mapping

from PIL import Image, ImageCms, TiffImagePlugin

from agent.model.ids import JsonObject, JsonValue

_LONGEST = 100
_EXIF, _GPS = 0x8769, 0x8825
_MAIN_TEXTS = {0x010F: "camera_make", 0x0110: "camera_model", 0x0131: "software"}
_EXIF_TEXTS = {0xA434: "lens_model"}
_EXIF_NUMBERS = {
    0x829A: "exposure_seconds",
    0x829D: "f_number",
    0x8827: "iso",
    0x920A: "focal_length_mm",
}
_WHEN, _WHEN_ZONE, _CHANGED = 0x9003, 0x9011, 0x0132
_DATE = re.compile(r"(\d{4}):(\d\d):(\d\d) (\d\d:\d\d:\d\d)")
_ZONE = re.compile(r"[+-]\d\d:\d\d")
_SOUTH_OR_WEST = {"S", "W"}
_BROKEN = (ValueError, KeyError, TypeError, SyntaxError, OSError, AttributeError, ArithmeticError)
"""What Pillow raises for a broken block of tags, each for another kind."""


def tags_of(image: Image.Image, *, include_gps: bool) -> JsonObject:
    """Flat, of text and numbers only; what is absent or broken is not there."""
    try:
        main = image.getexif()
        exif = main.get_ifd(_EXIF)
        gps = main.get_ifd(_GPS) if include_gps else {}
    except _BROKEN:
        return {}
    found: dict[str, JsonValue | None] = {
        **{name: _text(main.get(tag)) for tag, name in _MAIN_TEXTS.items()},
        **{name: _text(exif.get(tag)) for tag, name in _EXIF_TEXTS.items()},
        **{name: _number(exif.get(tag)) for tag, name in _EXIF_NUMBERS.items()},
        "creation_time": _when(exif.get(_WHEN) or main.get(_CHANGED), exif.get(_WHEN_ZONE)),
        "gps_latitude": _degrees(gps, 1),
        "gps_longitude": _degrees(gps, 3),
        "gps_altitude_m": _altitude(gps),
    }
    return {name: value for name, value in found.items() if value is not None}


def dots_per_inch(image: Image.Image) -> list[JsonValue] | None:
    match image.info.get("dpi"):
        case (across, down):
            dots = [_number(across) or 0.0, _number(down) or 0.0]
            return [round(number, 1) for number in dots] if min(dots) > 0 else None
        case _:
            return None


def profile_name(image: Image.Image) -> str | None:
    profile = image.info.get("icc_profile")
    if not profile:
        return None
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return _text(ImageCms.getProfileDescription(own))
    except (ImageCms.PyCMSError, *_BROKEN):
        return None


def _text(value: object) -> str | None:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    if not isinstance(value, str):
        return None
    plain = "".join(character for character in value if character.isprintable()).strip()
    return plain[:_LONGEST] or None


def _number(value: object) -> float | None:
    if isinstance(value, tuple) and value:
        value = value[0]
    if not isinstance(value, int | float | TiffImagePlugin.IFDRational):
        return None
    try:
        number = float(value)
    except _BROKEN:
        return None
    return round(number, 7) if math.isfinite(number) else None


def _when(moment: object, zone: object) -> str | None:
    """In ISO 8601; without a zone it is that of the camera's owner, wherever that was."""
    found = _DATE.match(moment) if isinstance(moment, str) else None
    if found is None or found[1] == "0000":
        return None
    known = _ZONE.match(zone) if isinstance(zone, str) else None
    return f"{found[1]}-{found[2]}-{found[3]}T{found[4]}{known[0] if known else ''}"


def _degrees(gps: Mapping[int, object], tag: int) -> float | None:
    match gps.get(tag + 1):
        case (degrees, minutes, seconds):
            parts = [_number(degrees), _number(minutes), _number(seconds)]
        case _:
            return None
    if None in parts:
        return None
    whole = sum((part or 0.0) / 60.0**power for power, part in enumerate(parts))
    return round(-whole if gps.get(tag) in _SOUTH_OR_WEST else whole, 6)


def _altitude(gps: Mapping[int, object]) -> float | None:
    height = _number(gps.get(6))
    is_below = gps.get(5) in {1, b"\x01"}
    return -height if is_below and height is not None else height
