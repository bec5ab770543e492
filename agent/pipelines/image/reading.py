"""Inside the box: an image file of any known format becomes plain pixels and plain facts."""

import warnings
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from PIL import Image, ImageFile, UnidentifiedImageError

from agent.model.ids import JsonObject, JsonValue
from agent.pipelines.box.request import Tell
from agent.pipelines.errors import MediaUnreadableError, TooLargeError
from agent.pipelines.image.frames import BROKEN, News, each_frame, frame_count, is_animated
from agent.pipelines.image.normal import normal, shrunk_size, turns_sideways
from agent.pipelines.image.tags import dots_per_inch, profile_name, tags_of
from agent.pipelines.image.wanted import (
    MOST_PIXELS_KEPT,
    MOST_PIXELS_KEPT_OF_MANY,
    Wanted,
    page_name,
)

_FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF", "HEIF")
"""The rest of Pillow's is old and odd, and the more likely to have holes."""
_NAMES = {"MPO": "JPEG", "HEIF": "HEIC"}
_MILLION = 1_000_000


def read(file: Path, scratch: Path, arguments: JsonObject, tell: Tell) -> JsonObject:
    wanted = Wanted(**arguments)  # type: ignore[arg-type]
    warnings.simplefilter("ignore")  # of what is odd in a file; what is broken, raises
    Image.MAX_IMAGE_PIXELS = None  # our own limit comes first, and is the owner's
    _know_heif()
    try:
        return _read(file, scratch, wanted, tell) | {"is_cut": False}
    except MediaUnreadableError:
        if not wanted.accept_partial:
            raise
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    return _read(file, scratch, wanted, tell) | {"is_cut": True}


def _read(file: Path, scratch: Path, wanted: Wanted, tell: Tell) -> JsonObject:
    pages: list[JsonValue] = []
    with _opened(file) as image:
        _check_size(image, wanted)
        is_deep = _is_deep(image)
        _decode_early(image)
        answer = _facts(image, wanted, is_deep=is_deep)
        for number, rgb in _pictures(image, wanted, tell):
            (scratch / page_name(len(pages))).write_bytes(rgb.tobytes())
            pages.append({"number": number + 1, "width": rgb.width, "height": rgb.height})
            if len(pages) == wanted.most_pages:
                break
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        answer["page_count"] = len(pages)  # what the file says may be one of its broken parts
    return answer | {"pages": pages}


def _decode_early(image: Image.Image) -> None:
    """The tags of a PNG may lie behind its pixels: asked for them, Pillow decodes those as well.

    What is broken there it would tell only once, and give black pixels from then on.
    """
    if image.format != "PNG":
        return
    try:
        image.load()
    except BROKEN as error:
        raise _blamed_on_file(error) from error


def _know_heif() -> None:
    with suppress(ModuleNotFoundError):
        from pi_heif import register_heif_opener

        register_heif_opener(thumbnails=False)


def _opened(file: Path) -> Image.Image:
    try:
        return Image.open(file, formats=_FORMATS)
    except UnidentifiedImageError as error:
        names = ", ".join(_NAMES.get(name, name) for name in _FORMATS)
        raise MediaUnreadableError(
            f"this is no image, or one in a format that is not read here: {names} are."
        ) from error
    except BROKEN as error:
        raise _blamed_on_file(error) from error


def _check_size(image: Image.Image, wanted: Wanted) -> None:
    pixels = image.width * image.height
    if pixels > wanted.most_pixels:
        raise TooLargeError(
            f"the image has {image.width} x {image.height} pixels, which is"
            f" {pixels / _MILLION:.0f} megapixels; the limit of this machine is"
            f" {wanted.most_pixels / _MILLION:g}."
        )


def _facts(image: Image.Image, wanted: Wanted, *, is_deep: bool) -> JsonObject:
    try:
        count = frame_count(image)
    except BROKEN as error:
        raise _blamed_on_file(error) from error
    bits = 16 if is_deep else 8  # Pillow forgets once it has read on
    width, height = image.size
    if turns_sideways(image):
        width, height = height, width
    return {
        "format": _NAMES.get(image.format or "", image.format),
        "mode": image.mode,
        "bits": bits,
        "width": width,
        "height": height,
        "page_count": count,
        "is_animated": is_animated(image),
        "dpi": dots_per_inch(image),
        "profile": profile_name(image),
        "tags": tags_of(image, include_gps=wanted.include_gps),
    }


def _is_deep(image: Image.Image) -> bool:
    """Pillow halves the depth of 16-bit colours, and only the raw mode tells that it does."""
    parts = image.tile if isinstance(image, ImageFile.ImageFile) else []
    return image.mode.startswith("I") or any(";16" in str(part.args) for part in parts)


def _pictures(image: Image.Image, wanted: Wanted, tell: Tell) -> Iterator[tuple[int, Image.Image]]:
    """Those worth a look, each with its number in the file."""
    news = News() if is_animated(image) else None
    most = MOST_PIXELS_KEPT if frame_count(image) == 1 else MOST_PIXELS_KEPT_OF_MANY
    number = 0
    try:
        for number in each_frame(image):
            tell(float(number))
            _check_size(image, wanted)
            rgb = _decoded(image, most)
            if news is None or news.is_new(rgb):
                yield number, rgb
    except BROKEN as error:
        if number == 0 or not ImageFile.LOAD_TRUNCATED_IMAGES:
            raise _blamed_on_file(error) from error


def _decoded(image: Image.Image, most: int) -> Image.Image:
    if image.format in {"JPEG", "MPO"}:
        image.draft(None, shrunk_size(*image.size, 2 * most))  # a huge one at half its size
    return normal(image, most)


def _blamed_on_file(error: Exception) -> Exception:
    if isinstance(error, OSError) and error.errno:
        return error  # the disk's own trouble; Pillow's has no number
    return MediaUnreadableError(f"the image is cut off or broken ({error}).")
