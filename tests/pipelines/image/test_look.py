"""Colours, fingerprints and the thumbnail."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image, ImageEnhance

from agent.pipelines.image.colors import dominant_colors
from agent.pipelines.image.hashing import difference_hash, distance, perceptual_hash
from agent.pipelines.image.thumbnail import write_thumbnail
from agent.pipelines.ocr.engine import Pixels
from tests.pipelines.image.samples import CORNERS, photo, quarters

Hash = Callable[[Pixels], str]
small_pictures = arrays(np.uint8, st.tuples(st.integers(1, 9), st.integers(1, 9), st.just(3)))


def recompressed(picture: Image.Image, quality: int) -> Image.Image:
    raw = io.BytesIO()
    picture.save(raw, "JPEG", quality=quality)
    return Image.open(raw)


@pytest.mark.parametrize("hashed", [perceptual_hash, difference_hash])
@pytest.mark.parametrize("seed", range(4))
def test_a_fingerprint_survives_what_leaves_the_picture_the_same(hashed: Hash, seed: int) -> None:
    original = photo(seed)
    before = hashed(np.asarray(original))

    for changed in (
        original.resize((640, 480), Image.Resampling.BICUBIC),
        original.resize((100, 75), Image.Resampling.BILINEAR),
        recompressed(original, 20),
        ImageEnhance.Brightness(original).enhance(0.8),
    ):
        assert distance(before, hashed(np.asarray(changed))) <= 6


@pytest.mark.parametrize("hashed", [perceptual_hash, difference_hash])
def test_different_pictures_have_fingerprints_far_apart(hashed: Hash) -> None:
    hashes = [hashed(np.asarray(photo(seed))) for seed in range(8)]

    pairs = [distance(one, other) for one in hashes for other in hashes if one is not other]

    assert min(pairs) > 14
    assert all(len(one) == 16 for one in hashes)


def test_a_turned_picture_is_another_one() -> None:
    upright = photo(1)

    turned = upright.transpose(Image.Transpose.ROTATE_180)

    assert distance(perceptual_hash(np.asarray(upright)), perceptual_hash(np.asarray(turned))) > 14


@given(small_pictures)
def test_any_picture_has_fingerprints_and_colours(pixels: Pixels) -> None:
    assert len(perceptual_hash(pixels)) == len(difference_hash(pixels)) == 16
    colors = dominant_colors(pixels)
    assert 1 <= len(colors) <= 5
    assert sum(color.share for color in colors) <= 1.01
    assert colors == dominant_colors(pixels)


def test_the_colours_of_a_known_picture_are_told_exactly() -> None:
    picture = np.full((100, 100, 3), (250, 250, 245), np.uint8)
    picture[:, :30] = (200, 16, 46)
    picture[90:, 50:] = (0, 56, 168)

    colors = dominant_colors(picture)

    assert [color.hex for color in colors] == ["#fafaf5", "#c8102e", "#0038a8"]
    assert [color.share for color in colors] == pytest.approx([0.65, 0.3, 0.05], abs=0.02)


def test_shades_that_look_alike_are_one_colour() -> None:
    noise = np.random.default_rng(1).normal(0, 3, (64, 64, 3))
    sky = np.clip(np.array([120, 170, 230]) + noise, 0, 255).astype(np.uint8)

    (color,) = dominant_colors(sky)

    assert color.share == 1


def test_four_quarters_are_four_colours() -> None:
    found = {color.hex for color in dominant_colors(np.asarray(quarters()))}

    assert found == {f"#{red:02x}{green:02x}{blue:02x}" for red, green, blue in CORNERS}


def test_a_thumbnail_is_a_small_jpeg_with_nothing_but_pixels(tmp_path: Path) -> None:
    written = write_thumbnail(
        np.asarray(photo(1, 1000, 500)), tmp_path, "t.jpg", longest_side=320, quality=85
    )

    assert written == ("t.jpg", "image/jpeg")
    with Image.open(tmp_path / "t.jpg") as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (320, 160))
        assert not thumbnail.getexif()
        assert not {"icc_profile", "exif", "xmp", "comment"} & thumbnail.info.keys()


def test_a_thumbnail_is_not_larger_than_the_picture(tmp_path: Path) -> None:
    for size in ((20, 10), (5000, 1)):
        write_thumbnail(
            np.asarray(photo(1, *size)), tmp_path, "t.jpg", longest_side=320, quality=85
        )

        with Image.open(tmp_path / "t.jpg") as thumbnail:
            assert thumbnail.size == (min(320, size[0]), size[1])


def test_quality_is_heeded(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (200, 200, 3), dtype=np.uint8)
    for quality in (30, 90):
        write_thumbnail(noise, tmp_path, f"{quality}.jpg", longest_side=320, quality=quality)

    assert 2 * (tmp_path / "30.jpg").stat().st_size < (tmp_path / "90.jpg").stat().st_size
