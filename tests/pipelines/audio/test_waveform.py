import tracemalloc
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from agent.pipelines.audio.waveform import HEIGHT, WIDTH, write_waveform
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span
from tests.dialogues import RATE, recorded

GRAY, BLUE = (176, 184, 193), (37, 99, 235)
CURVE = 216
"""Rows; below them is the scale."""

Pixels = npt.NDArray[np.uint8]


def drawn(recording: Recording, folder: Path, *speech: Span) -> Pixels:
    target = folder / "waveform.png"
    write_waveform(recording, target, speech)
    with Image.open(target) as image:
        assert (image.format, image.size) == ("PNG", (WIDTH, HEIGHT))
        return np.asarray(image.convert("RGB"))


def is_color(pixels: Pixels, color: tuple[int, int, int]) -> npt.NDArray[np.bool_]:
    same: npt.NDArray[np.bool_] = (pixels == color).all(-1)
    return same


def heights(pixels: Pixels) -> npt.NDArray[np.intp]:
    """Pixels of each column that are not background."""
    filled: npt.NDArray[np.intp] = (~is_color(pixels[:CURVE], (255, 255, 255))).sum(0)
    return filled


def tone(seconds: float, loudness: float) -> npt.NDArray[np.int16]:
    moments = np.arange(round(seconds * RATE)) / RATE
    return (loudness * 32767 * np.sin(2 * np.pi * 440 * moments)).astype(np.int16)


@pytest.fixture
def loud_after_quiet(tmp_path: Path) -> Recording:
    return recorded(np.concatenate([tone(3, 0.05), tone(3, 0.5)]), tmp_path / "steps.pcm")


def test_loud_parts_are_tall_and_quiet_ones_are_not(
    loud_after_quiet: Recording, tmp_path: Path
) -> None:
    tall = heights(drawn(loud_after_quiet, tmp_path))
    assert tall[: WIDTH // 2 - 2].max() < 30
    assert tall[WIDTH // 2 + 2 :].min() > 200


def test_speech_has_a_colour_of_its_own(loud_after_quiet: Recording, tmp_path: Path) -> None:
    pixels = drawn(loud_after_quiet, tmp_path, Span(1.0, 2.0), Span(4.0, 6.0))
    speaks = is_color(pixels[:CURVE], BLUE).any(0)
    truth = np.zeros(WIDTH, np.bool_)
    truth[300:600] = truth[1200:1800] = True
    assert (speaks == truth).all()
    assert (is_color(pixels[:CURVE], GRAY).any(0) == ~truth).all()


def test_silence_is_a_line(tmp_path: Path) -> None:
    silent = recorded(np.zeros(5 * RATE, np.int16), tmp_path / "silent.pcm")
    assert (heights(drawn(silent, tmp_path)) == 1).all()


def test_a_faint_hum_does_not_look_loud(tmp_path: Path) -> None:
    assert heights(drawn(recorded(tone(2, 0.002), tmp_path / "hum.pcm"), tmp_path)).max() < 30


@pytest.mark.parametrize("samples", [1, 100, WIDTH, WIDTH + 1])
def test_the_shortest_recordings_can_be_drawn(samples: int, tmp_path: Path) -> None:
    click = recorded(np.full(samples, 9000, np.int16), tmp_path / "click.pcm")
    assert heights(drawn(click, tmp_path)).max() > 50


@pytest.mark.parametrize(("seconds", "ticks"), [(45, 5), (600, 10)])
def test_ticks_stand_at_round_times(seconds: int, ticks: int, tmp_path: Path) -> None:
    recording = recorded(np.zeros(seconds * RATE, np.int16), tmp_path / "long.pcm")
    row = drawn(recording, tmp_path)[CURVE + 1]
    assert int((~is_color(row, (255, 255, 255))).sum()) == ticks


def test_the_same_recording_gives_the_same_file(
    loud_after_quiet: Recording, tmp_path: Path
) -> None:
    for name in ("one.png", "two.png"):
        write_waveform(loud_after_quiet, tmp_path / name, [Span(0, 1)])
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "two.png").read_bytes()


def test_an_hour_takes_little_memory(tmp_path: Path) -> None:
    path = tmp_path / "hour.pcm"
    with path.open("wb") as file:
        file.truncate(2 * RATE * 3600)  # sparse: an hour of silence
    hour = Recording(path, recorded(np.zeros(1, np.int16), tmp_path / "source.pcm").source)
    drawn(hour, tmp_path)  # imports and fonts
    tracemalloc.start()
    drawn(hour, tmp_path)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 20e6
