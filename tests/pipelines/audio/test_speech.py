from pathlib import Path

import numpy as np
import pytest

from agent.pipelines.audio import speech
from agent.pipelines.audio.decoding import record
from agent.pipelines.audio.speech import find_speech, speech_spans
from agent.pipelines.box.running import Box
from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.recording import Recording
from tests.pipelines.spoken.recordings import SOURCE, noisy, pairs


def ignore(_seconds: float) -> None:
    pass


@pytest.fixture(scope="module")
def talk(fox: Path, tmp_path_factory: pytest.TempPathFactory) -> Recording:
    """A sentence, ten seconds of faint noise, and the same sentence."""
    folder = tmp_path_factory.mktemp("talk")
    said = record(Box(), fox, folder).samples()
    pause = np.random.default_rng(3).standard_normal(10 * SAMPLE_RATE) * 0.002
    whole = np.concatenate([said, pause, said])
    (folder / "talk.s16").write_bytes((whole * 32767).astype("<i2").tobytes())
    return Recording(folder / "talk.s16", SOURCE)


@pytest.mark.parametrize("detector", ["silero", "loudness"])
def test_speech_is_found_and_the_pause_is_not(
    talk: Recording, detector: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if detector == "loudness":
        monkeypatch.setattr(speech, "find_spec", lambda _: None)

    found = find_speech(talk, ignore)

    assert found.detector == detector
    length = (talk.duration - 10) / 2
    inside = [span for span in found.spans if span.start > length + 1 and span.end < length + 9]
    assert inside == []
    assert sum(span.length for span in found.spans) > 0.8 * 2 * length


def test_a_silent_recording_is_told_from_one_without_speech(tmp_path: Path) -> None:
    silent = find_speech(noisy(tmp_path / "s", 3, (0, 3)), ignore)
    noise = find_speech(noisy(tmp_path / "n", 3), ignore)

    assert (silent.spans, silent.is_silent) == ((), True)
    assert (noise.spans, noise.is_silent) == ((), False)


def test_a_long_recording_is_looked_at_in_parts(tmp_path: Path) -> None:
    positions: list[float] = []

    find_speech(noisy(tmp_path / "long", 150), positions.append)

    assert positions == [60, 120, 150]


def test_it_does_not_matter_where_the_parts_meet(
    talk: Recording, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = speech_spans(talk)

    monkeypatch.setattr(speech, "_PIECE", 2.56)

    again = speech_spans(talk)

    assert len(again) == len(whole)
    for one, other in zip(again, whole, strict=True):
        assert abs(one.start - other.start) < 0.1
        assert abs(one.end - other.end) < 0.1


def test_loudness_takes_what_stands_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speech, "find_spec", lambda _: None)
    sound = np.random.default_rng(1).standard_normal(30 * SAMPLE_RATE) * 0.002
    sound[10 * SAMPLE_RATE : 12 * SAMPLE_RATE] *= 50
    (tmp_path / "r").write_bytes((sound * 32767).astype("<i2").tobytes())

    assert pairs(speech_spans(Recording(tmp_path / "r", SOURCE))) == [(10.0, 12.0)]
