"""From a recording to a transcript, with an engine that hears what it is told to."""

import tracemalloc
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.model.work import PipelineSettings
from agent.pipelines.audio import speech
from agent.pipelines.audio.decoding import record
from agent.pipelines.audio.hearing import Hearing
from agent.pipelines.audio.options import AudioOptions
from agent.pipelines.box.running import Box
from agent.pipelines.errors import NoSpeechError
from agent.pipelines.spoken.pcm import BYTES_PER_SECOND, SAMPLE_RATE
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.transcript import Segment, Transcript
from tests.pipelines.audio.fake_engine import FakeEngine, everything
from tests.pipelines.spoken.recordings import SOURCE, noisy

SETTINGS = PipelineSettings(diarization=False, topics=False)


def hearing(engine: FakeEngine) -> Hearing:
    def load(_settings: PipelineSettings, *, is_frugal: bool, **_: object) -> FakeEngine:
        del is_frugal
        return engine

    return Hearing(SETTINGS, load)


@pytest.fixture
def recording(fox: Path, tmp_path: Path) -> Recording:
    return record(Box(), fox, tmp_path)


def hear(one: Hearing, recording: Recording, **options: object) -> Transcript:
    wishes = AudioOptions.model_validate(options)
    return one.hear(recording, "talk.mp3", wishes, lambda _progress: None)


def test_what_is_wrong_with_the_file_is_a_warning(recording: Recording) -> None:
    torn = replace(recording, source=replace(SOURCE, duration=60.0, damaged_packets=3))

    transcript = hear(hearing(FakeEngine(everything)), torn)

    assert transcript.warnings == (
        f"the file is cut off: it promises 60.0 s of audio but holds only {torn.duration:.1f} s.",
        "3 damaged packets of the file were left out.",
    )


def test_little_text_for_much_speech_is_a_warning(recording: Recording) -> None:
    engine = FakeEngine(lambda _: (Segment(0.0, 1.0, "Hello."),))

    transcript = hear(hearing(engine), recording)

    assert 0.1 < transcript.speech_coverage < 0.5
    (warning,) = transcript.warnings
    assert warning.endswith("% of the speech became text: words are missing.")


def test_noise_without_speech_fails_before_a_model_is_loaded(tmp_path: Path) -> None:
    engine = FakeEngine(everything)
    one = hearing(engine)

    with pytest.raises(NoSpeechError, match=r"^no speech was found in 5 s of audio\.$"):
        hear(one, noisy(tmp_path / "noise", 5))

    assert not one.held


def test_what_is_no_speech_can_be_heard_all_the_same(tmp_path: Path) -> None:
    transcript = hear(hearing(FakeEngine(everything)), noisy(tmp_path / "song", 5), vad=False)

    assert transcript.text == "5 seconds of talk."
    assert (transcript.speech, transcript.speech_coverage) == ((), 1.0)


def test_hours_take_no_more_memory_than_one_block(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(speech, "find_spec", lambda _module: None)  # silero would take a minute
    hours = noisy(tmp_path / "long", 30)
    burst, ten_minutes = hours.path.read_bytes(), 600 * BYTES_PER_SECOND
    with hours.path.open("r+b") as file:  # a sparse file: silence takes no room
        for block in range(12):
            file.seek(block * 2 * ten_minutes)
            file.write(burst)
        file.truncate(12 * 2 * ten_minutes)
    engine = FakeEngine(everything)

    tracemalloc.start()
    transcript = hear(hearing(engine), hours)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert transcript.duration == 4 * 3600
    assert len(transcript.segments) == 12
    whole = transcript.duration * SAMPLE_RATE * np.dtype(np.float32).itemsize
    assert peak < whole / 20
