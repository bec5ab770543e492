import io
import json
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageCms, ImageFile

from agent.model.ids import JsonObject
from agent.pipelines.errors import MediaUnreadableError, PipelineError, TooLargeError
from agent.pipelines.image.normal import shrunk_size
from agent.pipelines.image.reading import read
from agent.pipelines.image.wanted import MOST_PIXELS_KEPT, Wanted, page_name
from agent.pipelines.ocr.engine import Pixels
from tests.pipelines.image.samples import (
    BLUE,
    CORNERS,
    GREEN,
    RED,
    corners_of,
    huge_png,
    look_alike,
    photo,
    quarters,
    save_heic,
    with_red_and_blue_exchanged,
)

ORIENTATION, GPS = 0x0112, 0x8825


@dataclass(frozen=True)
class Seen:
    answer: JsonObject
    pages: list[Pixels]


See = Callable[..., Seen]


@pytest.fixture
def see(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> See:
    """The reader, without the box around it."""
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", False)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", Image.MAX_IMAGE_PIXELS)
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    def look(file: Path, **wanted: int) -> Seen:
        whole = Wanted(**{"most_pixels": 10**8, "most_pages": 50, **wanted})  # type: ignore[arg-type]
        answer = read(file, scratch, whole.as_arguments(), lambda _: None)
        json.dumps(answer, allow_nan=False)
        return Seen(answer, [_page(scratch, n, page) for n, page in enumerate(answer["pages"])])  # type: ignore[arg-type]

    return look


def _page(scratch: Path, number: int, page: dict[str, int]) -> Pixels:
    raw = np.fromfile(scratch / page_name(number), np.uint8)
    return raw.reshape(page["height"], page["width"], 3)


@pytest.mark.parametrize(
    ("suffix", "name"),
    [
        ("jpg", "JPEG"),
        ("png", "PNG"),
        ("webp", "WEBP"),
        ("gif", "GIF"),
        ("tif", "TIFF"),
        ("bmp", "BMP"),
        ("avif", "AVIF"),
        ("heic", "HEIC"),
    ],
)
def test_each_format_is_read(tmp_path: Path, see: See, suffix: str, name: str) -> None:
    file = tmp_path / f"input.{suffix}"
    if suffix == "heic":
        save_heic(quarters(), file)
    else:
        quarters().save(file)

    seen = see(file)

    assert (seen.answer["format"], seen.answer["width"], seen.answer["height"]) == (name, 96, 64)
    assert (seen.answer["page_count"], seen.answer["is_animated"]) == (1, False)
    assert look_alike(corners_of(seen.pages[0]))


STORED = {  # how the upright picture lies in a file of each orientation
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "avif"])
@pytest.mark.parametrize("orientation", STORED)
def test_a_picture_stands_upright_however_it_is_stored(
    tmp_path: Path, see: See, suffix: str, orientation: int
) -> None:
    method = STORED[orientation]
    stored = quarters() if method is None else quarters().transpose(method)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    stored.save(tmp_path / f"input.{suffix}", exif=exif)

    seen = see(tmp_path / f"input.{suffix}")

    assert (seen.answer["width"], seen.answer["height"]) == (96, 64)
    assert look_alike(corners_of(seen.pages[0]))


def test_transparent_parts_are_white(tmp_path: Path, see: See) -> None:
    picture = quarters().convert("RGBA")
    picture.putalpha(Image.linear_gradient("L").resize((96, 64)).point(lambda v: 255 * (v > 127)))
    for name in ("a.png", "a.webp", "a.gif", "a.tif"):
        picture.save(tmp_path / name, lossless=True)

        corners = corners_of(see(tmp_path / name).pages[0])

        assert corners[:2] == ((255, 255, 255), (255, 255, 255)), name
        assert abs(np.array(corners[2:]) - np.array(CORNERS[2:])).max() <= 12, name


def test_half_transparent_colours_are_mixed_with_white(tmp_path: Path, see: See) -> None:
    Image.new("RGBA", (8, 8), (0, 0, 0, 128)).save(tmp_path / "a.png")
    Image.new("LA", (8, 8), (0, 128)).save(tmp_path / "b.png")

    for name in ("a.png", "b.png"):
        assert see(tmp_path / name).pages[0][4, 4].tolist() == pytest.approx([127] * 3, abs=1)


@pytest.mark.parametrize("mode", ["L", "1", "P", "CMYK", "LAB"])
def test_each_kind_of_colour_becomes_rgb(tmp_path: Path, see: See, mode: str) -> None:
    gray = Image.fromarray(np.repeat(np.array([[0, 255]], np.uint8), 8, axis=0).repeat(8, axis=1))
    if mode == "LAB":
        srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        turn = ImageCms.buildTransform(srgb, lab, "RGB", "LAB")
        picture = turn.apply(gray.convert("RGB"))
    else:
        picture = gray.convert("RGB").convert(mode)
    picture.save(tmp_path / "a.tif")

    pixels = see(tmp_path / "a.tif").pages[0]

    assert pixels[4, 3].tolist() == pytest.approx([0] * 3, abs=3)
    assert pixels[4, 12].tolist() == pytest.approx([255] * 3, abs=3)


def test_a_cmyk_jpeg_shows_its_colours(tmp_path: Path, see: See) -> None:
    quarters().convert("CMYK").save(tmp_path / "a.jpg", quality=95)

    seen = see(tmp_path / "a.jpg")

    assert seen.answer["mode"] == "CMYK"
    assert look_alike(corners_of(seen.pages[0]), 30)


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bits_are_scaled_to_eight(tmp_path: Path, see: See, name: str) -> None:
    values = np.array([[0, 0x7FFF, 0xFFFF]], np.uint16).repeat(4, axis=0)
    Image.fromarray(values).save(tmp_path / name)

    seen = see(tmp_path / name)

    assert seen.answer["bits"] == 16
    assert seen.pages[0][0].tolist() == [[0] * 3, [127] * 3, [255] * 3]


@pytest.mark.parametrize("name", ["a.png", "a.tif"])
def test_sixteen_bit_colours_are_scaled_to_eight(tmp_path: Path, see: See, name: str) -> None:
    deep = np.asarray(quarters(), np.uint16)[:, :, ::-1] * 257
    assert cv2.imwrite(str(tmp_path / name), deep)

    seen = see(tmp_path / name)

    assert seen.answer["bits"] == 16
    assert look_alike(corners_of(seen.pages[0]), 1)


@pytest.mark.parametrize(
    ("values", "shown"),
    [([0, 0.5, 1], [0, 128, 255]), ([-10, 0, 10], [0, 128, 255]), ([np.nan, 0, np.inf], [0, 0, 0])],
)
def test_floating_point_is_scaled_from_its_darkest_to_its_brightest(
    tmp_path: Path, see: See, values: list[float], shown: list[int]
) -> None:
    Image.fromarray(np.array([values], np.float32)).save(tmp_path / "a.tif")

    assert see(tmp_path / "a.tif").pages[0][0, :, 0].tolist() == pytest.approx(shown, abs=1)


def test_a_colour_profile_is_heeded(tmp_path: Path, see: See) -> None:
    own = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    red = Image.new("RGB", (8, 8), (255, 0, 0))
    red.save(tmp_path / "a.png", icc_profile=with_red_and_blue_exchanged(own))
    red.save(tmp_path / "b.png", icc_profile=own)

    exchanged, plain = see(tmp_path / "a.png"), see(tmp_path / "b.png")

    assert exchanged.pages[0][4, 4].tolist() == pytest.approx([0, 0, 255], abs=3)
    assert plain.pages[0][4, 4].tolist() == pytest.approx([255, 0, 0], abs=1)
    assert "sRGB" in str(plain.answer["profile"])


def test_a_broken_colour_profile_is_ignored(tmp_path: Path, see: See) -> None:
    quarters().save(tmp_path / "a.png", icc_profile=b"nonsense" * 40)

    seen = see(tmp_path / "a.png")

    assert seen.answer["profile"] is None
    assert look_alike(corners_of(seen.pages[0]))


def test_all_pages_of_a_tiff_are_read_up_to_a_number(tmp_path: Path, see: See) -> None:
    first, *others = (Image.new("RGB", (10 + n, 20), color) for n, color in enumerate(CORNERS))
    first.save(tmp_path / "a.tif", save_all=True, append_images=others)

    everything, some = see(tmp_path / "a.tif"), see(tmp_path / "a.tif", most_pages=2)

    assert [page[0, 0].tolist() for page in everything.pages] == [list(one) for one in CORNERS]
    assert [page["width"] for page in everything.answer["pages"]] == [10, 11, 12, 13]  # type: ignore[union-attr,index,call-overload]
    assert some.answer["page_count"] == 4
    assert len(some.pages) == 2


@pytest.mark.parametrize("name", ["a.gif", "a.webp", "a.png", "a.avif"])
def test_of_an_animation_only_frames_that_show_something_new_are_kept(
    tmp_path: Path, see: See, name: str
) -> None:
    colors = (RED, RED, (222, 30, 30), GREEN, GREEN, BLUE)
    first, *others = (Image.new("RGB", (32, 32), color) for color in colors)
    first.save(tmp_path / name, save_all=True, append_images=others, duration=100)
    # A format may drop a frame that is exactly the one before.
    count = Image.open(tmp_path / name).n_frames  # type: ignore[attr-defined]

    seen = see(tmp_path / name)

    assert seen.answer["is_animated"] is True
    assert seen.answer["page_count"] == count
    shown = [np.array(page[16, 16], int) for page in seen.pages]
    assert len(shown) == 3
    assert all(
        abs(one - other).max() < 12 for one, other in zip(shown, (RED, GREEN, BLUE), strict=True)
    )


def test_a_huge_picture_is_refused_before_it_is_decoded(tmp_path: Path, see: See) -> None:
    (tmp_path / "a.png").write_bytes(huge_png(60_000, 50_000))

    with pytest.raises(TooLargeError, match="60000 x 50000 pixels, which is 3000 megapixels"):
        see(tmp_path / "a.png")


def test_a_huge_page_among_small_ones_is_refused(tmp_path: Path, see: See) -> None:
    small, large = Image.new("1", (10, 10)), Image.new("1", (2000, 1000))
    small.save(tmp_path / "a.tif", save_all=True, append_images=[large], compression="group4")

    with pytest.raises(TooLargeError, match="the limit of this machine is 1"):
        see(tmp_path / "a.tif", most_pixels=1_000_000)


def test_a_large_picture_is_kept_smaller_but_told_as_it_is(tmp_path: Path, see: See) -> None:
    for name in ("a.jpg", "a.png"):
        quarters(5000, 3400).save(tmp_path / name)

        seen = see(tmp_path / name)

        assert (seen.answer["width"], seen.answer["height"]) == (5000, 3400)
        height, width = seen.pages[0].shape[:2]
        assert MOST_PIXELS_KEPT * 0.99 < width * height <= MOST_PIXELS_KEPT
        assert look_alike(corners_of(seen.pages[0]))


def test_a_strip_is_shrunk_but_never_to_nothing() -> None:
    assert shrunk_size(100, 50, 10_000) == (100, 50)
    assert shrunk_size(1_000_000, 1, 100) == (10_000, 1)


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif", "avif", "bmp"])
def test_a_file_that_is_cut_off_is_refused(tmp_path: Path, see: See, suffix: str) -> None:
    photo(1).save(tmp_path / f"a.{suffix}")
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(MediaUnreadableError):
        see(tmp_path / "cut")


@pytest.mark.parametrize("suffix", ["jpg", "png", "bmp"])
def test_what_is_there_of_it_is_taken_on_request(tmp_path: Path, see: See, suffix: str) -> None:
    photo(1).save(tmp_path / f"a.{suffix}")
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    (tmp_path / "cut").write_bytes(whole[: len(whole) // 2])

    seen = see(tmp_path / "cut", accept_partial=True)

    assert seen.answer["is_cut"] is True
    full = see(tmp_path / f"a.{suffix}", accept_partial=True)
    assert full.answer["is_cut"] is False
    rows = slice(-40, None) if suffix == "bmp" else slice(0, 40)  # a bitmap begins below
    assert (seen.pages[0][rows] == full.pages[0][rows]).all()


def test_a_page_that_is_cut_off_ends_what_is_taken(tmp_path: Path, see: See) -> None:
    photo(1).save(tmp_path / "a.tif", save_all=True, append_images=[photo(2), photo(3)])
    whole = (tmp_path / "a.tif").read_bytes()
    (tmp_path / "cut.tif").write_bytes(whole[: len(whole) // 2])

    with pytest.raises(MediaUnreadableError):
        see(tmp_path / "cut.tif")
    assert 1 <= len(see(tmp_path / "cut.tif", accept_partial=True).pages) < 3


@pytest.mark.parametrize(
    "content",
    [
        b"\0\0\0\x20ftypisom" + bytes(500),
        b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        b"GIF89a",
        b"x",
    ],
)
def test_what_is_no_image_is_refused_with_what_would_be(
    tmp_path: Path, see: See, content: bytes
) -> None:
    (tmp_path / "a.jpg").write_bytes(content)

    with pytest.raises(
        MediaUnreadableError, match=r"JPEG, PNG, WEBP, GIF, TIFF, BMP, AVIF, HEIC are"
    ):
        see(tmp_path / "a.jpg")


def test_neither_a_wrong_name_nor_an_appended_archive_matters(tmp_path: Path, see: See) -> None:
    raw = io.BytesIO()
    quarters().save(raw, "PNG")
    (tmp_path / "a.jpg").write_bytes(raw.getvalue() + b"PK\x03\x04" + bytes(100))

    seen = see(tmp_path / "a.jpg")

    assert seen.answer["format"] == "PNG"
    assert look_alike(corners_of(seen.pages[0]))


def tagged() -> Image.Exif:
    exif = Image.Exif()
    exif.update({0x010F: "Maker\0", 0x0110: "Model 1", 0x0132: "2020:01:01 00:00:00"})
    exif.get_ifd(0x8769).update(
        {0x9003: "2024:05:06 07:08:09", 0x9011: "+02:00", 0x829A: 0.008, 0x829D: 2.8, 0x8827: 200}
    )
    exif.get_ifd(GPS).update(
        {1: "S", 2: (33.0, 51.0, 30.0), 3: "E", 4: (151.0, 12.0, 36.0), 5: b"\0", 6: 58.0}
    )
    return exif


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "avif"])
def test_the_camera_and_the_moment_are_told_but_not_the_place(
    tmp_path: Path, see: See, suffix: str
) -> None:
    photo(1).save(tmp_path / f"a.{suffix}", exif=tagged())

    discreet = see(tmp_path / f"a.{suffix}").answer
    open_hearted = see(tmp_path / f"a.{suffix}", include_gps=True).answer

    assert discreet["tags"] == {
        "camera_make": "Maker",
        "camera_model": "Model 1",
        "creation_time": "2024-05-06T07:08:09+02:00",
        "exposure_seconds": 0.008,
        "f_number": 2.8,
        "iso": 200,
    }
    assert "gps" not in json.dumps(discreet)
    assert open_hearted["tags"] == discreet["tags"] | {
        "gps_latitude": -33.858333,
        "gps_longitude": 151.21,
        "gps_altitude_m": 58.0,
    }


def test_the_dots_per_inch_are_told(tmp_path: Path, see: See) -> None:
    photo(1).save(tmp_path / "a.jpg", dpi=(300, 300))
    photo(1).save(tmp_path / "b.jpg")

    assert see(tmp_path / "a.jpg").answer["dpi"] == [300, 300]
    assert see(tmp_path / "b.jpg").answer["dpi"] is None


@pytest.mark.parametrize("seed", range(12))
def test_broken_tags_are_no_reason_not_to_look_at_the_picture(
    tmp_path: Path, see: See, seed: int
) -> None:
    raw = bytearray(tagged().tobytes())
    chance = random.Random(seed)
    for _ in range(1 + seed):
        raw[chance.randrange(8, len(raw))] = chance.randrange(256)
    quarters().save(tmp_path / "a.png", exif=bytes(raw))

    assert see(tmp_path / "a.png", include_gps=True).pages[0].size == 96 * 64 * 3


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tif", "gif", "bmp", "avif"])
def test_broken_files_are_read_or_refused_and_nothing_else(
    tmp_path: Path, see: See, suffix: str
) -> None:
    photo(1, 64, 48).save(tmp_path / f"a.{suffix}")
    whole = (tmp_path / f"a.{suffix}").read_bytes()
    chance = random.Random(suffix)

    for _ in range(40):
        raw = bytearray(whole)
        for _ in range(chance.randint(1, 8)):
            raw[chance.randrange(len(raw))] = chance.randrange(256)
        (tmp_path / "broken").write_bytes(raw)
        with suppress(PipelineError):
            assert see(tmp_path / "broken", most_pixels=1_000_000).pages
