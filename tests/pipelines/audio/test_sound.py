from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from agent.pipelines.audio.sound import blocks, is_silent
from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.recording import Samples
from agent.pipelines.spoken.span import Span
from tests.pipelines.spoken.recordings import noisy


def noise(seconds: float, level: float = 0.1) -> Samples:
    generator = np.random.default_rng(1)
    return (generator.standard_normal(int(seconds * SAMPLE_RATE)) * level).astype(np.float32)


@pytest.mark.parametrize("samples", [noise(0), noise(3, 0.0), noise(3, 0.0001)])
def test_next_to_nothing_is_silent(samples: Samples) -> None:
    assert is_silent(samples)


def test_one_quiet_word_in_an_hour_of_nothing_is_not_silent() -> None:
    hour = np.zeros(3600 * SAMPLE_RATE, np.float32)
    hour[1000 * SAMPLE_RATE : 1001 * SAMPLE_RATE] = noise(1, 0.005)

    assert not is_silent(hour)


def test_a_short_stretch_is_one_block(tmp_path: Path) -> None:
    recording = noisy(tmp_path / "r", 5)

    assert list(blocks(recording, Span(1, 5), longest=60)) == [Span(1, 5)]


def test_a_long_one_is_cut_where_it_is_quiet_and_nothing_is_lost(tmp_path: Path) -> None:
    recording = noisy(tmp_path / "r", 150, (50, 50.5))

    found = list(blocks(recording, Span(0, 150), longest=60))

    assert 50 <= found[1].start <= 50.5
    assert all(block.length <= 60 for block in found)
    assert all(before.end == after.start for before, after in pairwise(found))
    assert (found[0].start, found[-1].end) == (0, 150)
