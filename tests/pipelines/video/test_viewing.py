from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import av
import pytest
from PIL import Image

from agent.model.ids import JsonObject
from agent.pipelines.box.running import Box
from agent.pipelines.errors import MediaUnreadableError
from agent.pipelines.video.pictures import View, pixels_of, take_picture, view_of
from agent.pipelines.video.viewing import view
from agent.pipelines.video.wishes import Wishes
from tests.footage import Encoding, Film, Script, shoot
from tests.pipelines.video.films import cut_off, film, scratched

ALL = Wishes(
    scenes=True,
    keyframes=50,
    thumbnails=4,
    sizes=((80, 60), (40, 40)),
    sheet=True,
    screens=True,
    quality=85,
)
SCENES_ONLY = Wishes(
    scenes=True, keyframes=0, thumbnails=0, sizes=(), sheet=False, screens=False, quality=85
)


def seen(file: Path, scratch: Path, wishes: Wishes = SCENES_ONLY) -> View:
    return view_of(view(file, scratch, wishes.arguments(), lambda _position: None), wishes)


def size_of(picture: Path) -> tuple[int, int]:
    with Image.open(picture) as image:
        return image.width, image.height


def found(cuts: tuple[float, ...], scenes: View, tolerance: float = 0.2) -> tuple[int, int]:
    """How many of the cuts were found, and how many others."""
    starts = [scene.start for scene in scenes.scenes[1:]]
    right = sum(any(abs(start - cut) <= tolerance for start in starts) for cut in cuts)
    return right, len(starts) - right


def test_the_box_makes_all_that_is_wished_for(shots: Film, tmp_path: Path) -> None:
    box = Box()
    told: list[float] = []

    answer = box.read("video-pictures", shots.path, tmp_path, ALL.arguments(), on_told=told.append)

    result = view_of(answer, ALL)
    assert result.duration == pytest.approx(24.0)
    assert {frame.scene for frame in result.key_frames} == set(range(len(result.scenes)))
    assert len(result.thumbnails) == 4
    assert told
    names = {path.name for path in tmp_path.iterdir()}
    assert {frame.name for frame in result.key_frames} < names
    for small in result.thumbnails:
        assert [size_of(tmp_path / name) for name in small.names] == [(80, 45), (40, 22)]
    screen = result.key_frames[0].screen
    assert screen is not None
    assert pixels_of(tmp_path, screen).shape == (180, 320, 3)
    take_picture(tmp_path, "sheet.jpg", tmp_path / "out" / "sheet.jpg")
    assert size_of(tmp_path / "out" / "sheet.jpg")[0] > 320


ENCODINGS = {
    "key frames at cuts": Encoding(options={"preset": "superfast", "crf": "28"}),
    "a steady beat": Encoding(
        options={"preset": "superfast", "sc_threshold": "0"}, keyframe_interval=50
    ),
    "hardly any key frames": Encoding(),
    "key frames only": Encoding(
        codec="mjpeg", options={"qmin": "4", "qmax": "12"}, pixel_format="yuvj420p"
    ),
    "MPEG-4": Encoding(codec="mpeg4", options={"b": "800000"}, keyframe_interval=100),
}
# Some neighbours share their colours, some are dark, flashes go off: PySceneDetect's F1 is 0.93.
LONG = Script(seconds=84, size=(192, 108), seed=11, shortest=1.0, longest=9.0)
"""Longer than what is watched frame by frame."""


@pytest.mark.parametrize("name", ENCODINGS)
def test_cuts_are_found_however_a_film_is_encoded(name: str, tmp_path: Path) -> None:
    suffix = ".avi" if name == "MPEG-4" else ".mov"
    made = shoot(LONG, tmp_path / f"film{suffix}", ENCODINGS[name])

    result = seen(made.path, tmp_path)

    right, wrong = found(made.cuts, result)
    assert right >= 0.9 * len(made.cuts)
    assert wrong <= 1
    assert result.frames == 2100


def test_few_frames_are_decoded_where_the_encoder_has_seen_the_cuts(tmp_path: Path) -> None:
    made = shoot(LONG, tmp_path / "film.mp4", ENCODINGS["key frames at cuts"])

    assert seen(made.path, tmp_path).frames_compared < 0.4 * 2100


def test_a_picture_shows_the_moment_that_it_names(tmp_path: Path) -> None:
    """The frames come at 0, 40, 80, 320, 360, 400, 640 ms and so on: no steady rate would do."""
    uneven = film(
        tmp_path / "uneven.mp4",
        *("-vf", "setpts='(N+floor(N/3)*5)/25/TB'", "-vsync", "vfr"),
        pictures="testsrc2=size=320x180:rate=25:duration=2",
        sound=None,
    )
    with av.open(str(uneven)) as container:
        shown = {round(frame.time or 0.0, 3) for frame in container.decode(video=0)}

    result = seen(uneven, tmp_path, ALL)

    times = [small.time for small in result.thumbnails]
    assert {round(time, 3) for time in times} <= shown
    step = result.duration / 4
    assert times == pytest.approx([(number + 0.5) * step for number in range(4)], abs=0.3)


def test_one_frame_is_a_film_too(tmp_path: Path) -> None:
    single = film(tmp_path / "single.mp4", "-frames:v", "1", sound=None)

    result = seen(single, tmp_path, ALL)

    assert len(result.scenes) == 1
    assert len(result.key_frames) == 1
    assert result.frames == 1


def test_a_file_without_its_end_is_seen_as_far_as_it_goes(tmp_path: Path) -> None:
    whole = film(tmp_path / "whole.mp4", "-movflags", "+faststart", sound=None)

    result = seen(cut_off(whole, tmp_path / "part.mp4"), tmp_path, ALL)

    assert 0.3 < result.duration < 1.9
    assert result.key_frames


def test_noise_in_the_middle_costs_only_what_it_hit(shots: Film, tmp_path: Path) -> None:
    result = seen(scratched(shots.path, tmp_path / "scratched.mp4"), tmp_path, ALL)

    assert result.duration == pytest.approx(24.0)
    assert len(result.thumbnails) == 4


def test_a_film_that_broke_before_its_index_is_unreadable(usual: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaUnreadableError, match="broken, or no audio or video that we know"):
        seen(cut_off(usual, tmp_path / "lost.mp4"), tmp_path)


def test_a_day_of_pictures_takes_seconds(tmp_path: Path) -> None:
    """Twenty-eight hours at a frame every 25 seconds, with few key frames."""
    lamp = film(
        tmp_path / "lamp.mp4",
        *("-g", "250", "-frames:v", "4000"),
        pictures="color=gray:size=32x32:rate=1/25",
        sound=None,
    )

    result = seen(lamp, tmp_path, ALL)

    assert result.duration == pytest.approx(100_000)
    assert len(result.scenes) == 1
    assert len(result.thumbnails) == 4


def test_where_no_gpu_is_the_processor_decodes_and_says_why(usual: Path, tmp_path: Path) -> None:
    decoder = seen(usual, tmp_path, replace(SCENES_ONLY, on_gpu=True)).decoder

    assert decoder == "cuda" or decoder.startswith("software (")


LIES: tuple[JsonObject, ...] = (
    {},
    {"duration": "long"},
    {"scenes": [[0]]},
    {"scenes": [[0, 1, 2]]},
    {"scenes": "none"},
    {"keyframes": [{"time": 0, "scene": 0}]},
    {"thumbnails": [{"time": 0, "names": ["one.jpg"]}]},
    {"sheet": 7},
)


@pytest.mark.parametrize("lie", LIES, ids=str)
def test_what_makes_no_sense_is_refused(lie: JsonObject) -> None:
    honest: JsonObject = {
        "duration": 1.0,
        "frames": 25,
        "frames_compared": 1,
        "decoder": "software",
        "scenes": [[0.0, 1.0]],
        "keyframes": [],
        "thumbnails": [],
        "sheet": None,
    }
    view_of(honest, ALL)

    with pytest.raises(MediaUnreadableError, match="makes no sense"):
        view_of(honest | lie if lie else {}, ALL)


def _traps(scratch: Path) -> Iterator[str]:
    (scratch / "secret.txt").write_text("secret")
    (scratch / "link.jpg").symlink_to(scratch / "secret.txt")
    (scratch / "page.jpg").write_text("<script>")
    yield from ("link.jpg", "page.jpg", "../secret.txt", "missing.jpg", "..")


def test_only_pictures_leave_the_scratch_folder(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()

    for name in _traps(scratch):
        with pytest.raises(MediaUnreadableError):
            take_picture(scratch, name, tmp_path / "out.jpg")

    assert not (tmp_path / "out.jpg").exists()
