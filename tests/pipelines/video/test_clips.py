import subprocess
import sys
from pathlib import Path

import av
import numpy as np
import pytest

from agent.pipelines.box.running import Box
from agent.pipelines.errors import MediaUnreadableError
from agent.pipelines.video.choosing import Scene
from agent.pipelines.video.clip_format import FRAMES_NAME, SOUND_NAME, Excerpt
from agent.pipelines.video.clips import Clip, Cutter
from agent.pipelines.video.excerpting import excerpt
from tests.pipelines.video.films import film, turned


def cutter(file: Path, folder: Path, box: Box | None = None) -> Cutter:
    scratch, clips = folder / "scratch", folder / "clips"
    scratch.mkdir()
    clips.mkdir()
    return Cutter(box=box or Box(), file=file, scratch=scratch, rate=25.0)


def test_each_scene_becomes_a_film_of_its_own(usual: Path, tmp_path: Path) -> None:
    scenes = [Scene(0.0, 0.8), Scene(0.8, 2.0)]

    made = cutter(usual, tmp_path).clips(scenes, tmp_path / "clips", lambda _number: None)

    assert made == (Clip(0, "clips/scene-001.mp4", 0.8), Clip(1, "clips/scene-002.mp4", 1.2))
    assert {path.name for path in (tmp_path / "clips").iterdir()} == {
        "scene-001.mp4",
        "scene-002.mp4",
    }
    with av.open(str(tmp_path / "clips" / "scene-002.mp4")) as clip:
        assert (clip.streams.video[0].width, clip.streams.video[0].height) == (160, 90)
        assert clip.streams.video[0].frames == 30
        assert clip.streams.audio[0].codec_context.name == "aac"
        assert float((clip.duration or 0) / av.time_base) == pytest.approx(1.2, abs=0.1)


def test_a_clip_shows_and_sounds_its_scene(usual: Path, tmp_path: Path) -> None:
    """The bare frames are those of the film, upright, at their times."""
    wanted = Excerpt(start=1.0, end=2.0, rate=25.0, side=160)

    answer = excerpt(usual, tmp_path, wanted.arguments(), lambda _position: None)

    assert answer == {"width": 160, "height": 90, "frames": 25, "samples": 44100}
    frames = np.fromfile(tmp_path / FRAMES_NAME, np.uint8).reshape(25, -1)
    with av.open(str(usual)) as container:
        shown = list(container.decode(video=0))[25:]
    for ours, frame in zip(frames, shown, strict=True):
        bright = frame.to_ndarray(format="gray").astype(int)
        assert np.abs(ours[: 160 * 90].reshape(90, 160).astype(int) - bright).mean() < 20
    samples = np.fromfile(tmp_path / SOUND_NAME, "<i2").reshape(-1, 2)[:, 0]
    strongest = np.abs(np.fft.rfft(samples.astype(float))).argmax()
    assert strongest == pytest.approx(440, abs=2)


def test_frames_that_come_now_and_then_are_shown_for_as_long(tmp_path: Path) -> None:
    slow = film(tmp_path / "slow.mp4", pictures="testsrc2=size=64x36:rate=2:duration=2", sound=None)
    wanted = Excerpt(start=0.0, end=2.0, rate=10.0, side=64)

    answer = excerpt(slow, tmp_path, wanted.arguments(), lambda _position: None)

    frames = np.fromfile(tmp_path / FRAMES_NAME, np.uint8).reshape(20, -1)
    assert answer["samples"] == 0
    changes = [number for number in range(1, 20) if (frames[number] != frames[number - 1]).any()]
    assert changes == [5, 10, 15]


def test_a_turned_film_makes_upright_clips(usual: Path, tmp_path: Path) -> None:
    file = turned(usual, tmp_path / "turned.mp4", 90)
    wanted = Excerpt(start=0.0, end=0.2, rate=25.0, side=160)

    answer = excerpt(file, tmp_path, wanted.arguments(), lambda _position: None)

    assert (answer["width"], answer["height"]) == (90, 160)


LIAR = """
import json, sys
from pathlib import Path
request = json.loads(sys.stdin.readline())
scratch = Path(request["scratch"])
print(json.dumps({{"walls": {{"landlock": 7, "seccomp": True}}}}))
{deed}
print(json.dumps({{"result": {answer}}}))
"""
HONEST = {"width": 160, "height": 90, "frames": 25, "samples": 0}


@pytest.mark.parametrize(
    ("deed", "answer"),
    [
        pytest.param("", HONEST, id="no frames at all"),
        pytest.param("(scratch / 'frames.i420').write_bytes(b'x' * 100)", HONEST, id="too few"),
        pytest.param("(scratch / 'frames.i420').symlink_to('/dev/zero')", HONEST, id="a link"),
        pytest.param("", {**HONEST, "width": "wide"}, id="a word for a number"),
        pytest.param("", {}, id="nothing said"),
    ],
)
def test_a_box_that_lies_gets_no_clip(
    usual: Path, tmp_path: Path, deed: str, answer: dict[str, object]
) -> None:
    liar = Box(command=(sys.executable, "-c", LIAR.format(deed=deed, answer=answer)))

    made = cutter(usual, tmp_path, liar).clips(
        [Scene(0.0, 1.0)], tmp_path / "clips", lambda _number: None
    )

    assert made == ()


def test_the_process_that_uses_moviepy_takes_no_settings_from_a_stray_file() -> None:
    """Moviepy would read any `.env` above it into the environment."""
    code = (
        "import sys; from agent.pipelines.video import cutting\n"
        "cutting.cut = lambda order: __import__('moviepy.config')\n"
        "cutting.main()\n"
        "print(sys.modules['moviepy'].config.DOTENV)"
    )
    order = (
        '{"frames": "", "sound": null, "width": 2, "height": 2, "rate": 1, "count": 1,'
        ' "target": ""}\n'
    )

    done = subprocess.run(
        [sys.executable, "-c", code], input=order, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "None"


def test_a_scene_that_cannot_be_decoded_has_no_clip(usual: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaUnreadableError, match="not one frame of the scene"):
        Box().read(
            "video-clip",
            usual,
            tmp_path,
            Excerpt(start=50.0, end=51.0, rate=25.0, side=64).arguments(),
        )
