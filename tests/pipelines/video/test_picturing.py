import subprocess
from pathlib import Path

import av
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from agent.pipelines.video.picturing import Shape, as_srgb, picture
from agent.pipelines.video.sheet import contact_sheet, evenly
from tests.pipelines.video.films import film, turned


def first_picture(file: Path, most: int = 4096) -> Image.Image:
    with av.open(str(file)) as container:
        stream = container.streams.video[0]
        frame = next(container.decode(stream))
        return picture(frame, float(stream.sample_aspect_ratio or 1), most, most)


def as_ffmpeg_shows(file: Path, size: tuple[int, int]) -> npt.NDArray[np.uint8]:
    command = ["ffmpeg", "-v", "error", "-i", str(file), "-frames:v", "1"]
    raw = subprocess.run(
        [*command, "-f", "rawvideo", "-pix_fmt", "rgb24", "-"], check=True, capture_output=True
    ).stdout
    width, height = size
    return np.frombuffer(raw, np.uint8).reshape(height, width, 3)


@pytest.mark.parametrize("degrees", [0, 90, 180, 270])
def test_a_turned_film_stands_upright(usual: Path, tmp_path: Path, degrees: int) -> None:
    file = turned(usual, tmp_path / "turned.mp4", degrees)

    image = first_picture(file)

    shown = as_ffmpeg_shows(file, image.size)
    assert np.abs(np.asarray(image, np.int16) - shown).mean() < 3


def test_pixels_become_square(tmp_path: Path) -> None:
    wide = film(tmp_path / "wide.mp4", "-vf", "setsar=2/1", sound=None)
    high = film(tmp_path / "high.mp4", "-vf", "setsar=1/2", sound=None)

    assert first_picture(wide).size == (320, 90)
    assert first_picture(high).size == (160, 180)


sides, aspects = st.integers(1, 8192), st.sampled_from([0.25, 0.9, 1.0, 64 / 45, 4.0])


@given(sides, sides, aspects, st.sampled_from([0, 90, 180, 270]), sides, sides)
def test_a_picture_fits_and_is_never_enlarged(
    width: int, height: int, aspect: float, rotation: int, most_width: int, most_height: int
) -> None:
    scaled = Shape(width, height, aspect, rotation).stored_size(most_width, most_height)

    upright = scaled[::-1] if rotation % 180 else scaled
    assert upright[0] <= most_width
    assert upright[1] <= most_height
    assert min(scaled) >= 1
    assert scaled[0] <= round(width * max(1.0, aspect))
    assert scaled[1] <= round(height / min(1.0, aspect))


@pytest.mark.parametrize("transfer", ["smpte2084", "arib-std-b67"])
def test_hdr_is_brought_into_the_range_of_any_screen(tmp_path: Path, transfer: str) -> None:
    params = f"transfer={transfer}:colorprim=bt2020:colormatrix=bt2020nc:log-level=none"
    hdr = film(
        tmp_path / "hdr.mp4",
        *("-vf", "format=yuv420p10le", "-x265-params", params),
        *("-color_trc", transfer, "-color_primaries", "bt2020", "-colorspace", "bt2020nc"),
        pictures="gradients=size=160x90:c0=black:c1=white:x0=0:y0=0:x1=160:y1=0:duration=0.1",
        sound=None,
        codec=("-c:v", "libx265", "-preset", "ultrafast"),
    )

    pixels = np.asarray(first_picture(hdr), np.float64)

    # What is signalled as the brightest is white, and what is dark stays dark.
    assert pixels.max() > 230
    assert pixels.min() < 25


def test_more_light_never_looks_darker() -> None:
    light = np.linspace(0, 60, 500, dtype=np.float32)

    shown = as_srgb(light).astype(int)

    assert (np.diff(shown) >= 0).all()
    assert shown[0] == 0
    assert shown[-1] == 255


def test_a_contact_sheet_shows_every_picture_above_its_time() -> None:
    red, blue = (Image.new("RGB", (64, 36), colour) for colour in ("red", "blue"))

    sheet = contact_sheet([(float(number), red if number % 2 else blue) for number in range(7)])

    pixels = np.asarray(sheet).reshape(-1, 3)
    assert (pixels == (255, 0, 0)).all(axis=1).sum() == 3 * 64 * 36
    assert (pixels == (0, 0, 255)).all(axis=1).sum() == 4 * 64 * 36
    assert (pixels.min(axis=1) > 150).any()  # the ink of the times


@given(st.lists(st.floats(0, 100), unique=True).map(sorted), st.integers(1, 40))
def test_a_sheet_takes_its_pictures_from_all_over(times: list[float], most: int) -> None:
    found = evenly(times, most)

    assert len(found) == min(most, len(times))
    assert list(found) == sorted(set(found))
    assert set(found) <= set(times)
