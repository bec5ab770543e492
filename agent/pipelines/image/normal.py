"""Inside the box: makes of any picture what all that comes after expects, upright 8-bit sRGB."""

import io
import math

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

_ORIENTATION = 0x0112
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""By EXIF orientation."""
_DEEP = ("I", "F")
"""Pillow's modes of more than 8 bits begin so."""
_WHITE_OF_16_BITS = 65535.0
_WITH_PROFILES = ("L", "RGB", "CMYK")


def normal(image: Image.Image, most_pixels: int) -> Image.Image:
    """A new image of mode RGB, no larger than `most_pixels`; transparent parts are white."""
    image.load()
    orientation = _orientation(image)  # Pillow has turned TIFF files already, and says so here
    color, alpha = _parted(image)
    rgb = _in_srgb(color, image.info.get("icc_profile"))
    if alpha is not None:
        rgb = Image.composite(rgb, Image.new("RGB", rgb.size, "white"), alpha)
    if orientation in _UPRIGHT:
        rgb = rgb.transpose(_UPRIGHT[orientation])
    return _shrunk(rgb, most_pixels)


def shrunk_size(width: int, height: int, most_pixels: int) -> tuple[int, int]:
    """Of the same shape, as far as whole pixels allow."""
    if width * height <= most_pixels:
        return width, height
    scale = math.sqrt(most_pixels / (width * height))
    return max(1, int(width * scale)), max(1, int(height * scale))


def turns_sideways(image: Image.Image) -> bool:
    """Whether width and height are told as they are stored, not as they are seen."""
    return image.format != "TIFF" and _orientation(image) in {5, 6, 7, 8}


def _orientation(image: Image.Image) -> int:
    try:
        found = image.getexif().get(_ORIENTATION, 1)
    except (ValueError, KeyError, TypeError, SyntaxError, OSError, AttributeError):
        return 1  # a broken block of EXIF is no reason not to look at the picture
    return found if isinstance(found, int) else 1


def _shrunk(rgb: Image.Image, most_pixels: int) -> Image.Image:
    size = shrunk_size(*rgb.size, most_pixels)
    if size == rgb.size:
        return rgb
    return rgb.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)


def _parted(image: Image.Image) -> tuple[Image.Image, Image.Image | None]:
    """Colour, in a mode that profiles are for, and transparency."""
    if image.mode in {"RGBA", "LA", "PA", "RGBa", "La"} or "transparency" in image.info:
        whole = image.convert("RGBA")
        return whole.convert("RGB"), whole.getchannel("A")
    if image.mode.startswith(_DEEP):
        return _eight_bit(image), None
    if image.mode == "1":
        return image.convert("L"), None
    if image.mode == "LAB":
        return _from_lab(image), None
    return (image if image.mode in _WITH_PROFILES else image.convert("RGB")), None


def _eight_bit(image: Image.Image) -> Image.Image:
    values = np.nan_to_num(np.asarray(image, np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    return Image.fromarray((_scaled(values, image.mode) + np.float32(0.5)).astype(np.uint8))


def _scaled(values: npt.NDArray[np.float32], mode: str) -> npt.NDArray[np.float32]:
    low, high = float(values.min()), float(values.max())
    white = 1.0 if mode == "F" else _WHITE_OF_16_BITS
    if low < 0 or high > white:
        # Nobody says what is white in such a file: the brightest is.
        return (values - low) * np.float32(255 / (high - low))
    return values * np.float32(255 / white)


def _from_lab(image: Image.Image) -> Image.Image:
    lab, srgb = ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB")
    return _changed(image, ImageCms.ImageCmsProfile(lab), ImageCms.ImageCmsProfile(srgb))


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    if not profile:
        return image.convert("RGB")
    try:
        own = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return _changed(image, own, ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")))
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image.convert("RGB")  # a profile that is broken, or of other colours than these


def _changed(
    image: Image.Image, own: ImageCms.ImageCmsProfile, srgb: ImageCms.ImageCmsProfile
) -> Image.Image:
    changed = ImageCms.profileToProfile(image, own, srgb, outputMode="RGB")
    if changed is None:
        raise ValueError("no image came out")
    return changed
