from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from agent.pipelines.diarization.builtin import BuiltInDiarizer
from agent.pipelines.diarization.turns import SpeakerBounds, Turn
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span
from tests.dialogues import PEOPLE, RATE, Dialogue, dialogue, recorded
from tests.error_rate import error_rate

ANY = SpeakerBounds()


@pytest.fixture(scope="module")
def diarizer() -> BuiltInDiarizer:
    return BuiltInDiarizer("cpu")


@pytest.fixture(scope="module", params=[1, 2, 4, 6])
def talk(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Dialogue:
    people: int = request.param
    return dialogue(PEOPLE[:people], 3, tmp_path_factory.mktemp("dialogue"))


def everything(recording: Recording) -> list[Span]:
    return [Span(0.0, recording.duration)]


def turns(
    diarizer: BuiltInDiarizer, recording: Recording, bounds: SpeakerBounds = ANY
) -> tuple[Turn, ...]:
    return diarizer.turns(recording, everything(recording), bounds, lambda _: None)


def test_everybody_in_a_dialogue_is_told_apart(talk: Dialogue, diarizer: BuiltInDiarizer) -> None:
    found = turns(diarizer, talk.recording)
    rate = error_rate(talk.turns, found)
    people = len({turn.speaker for turn in talk.turns})
    print(f"{people} speakers, {talk.recording.duration:.0f} s: error rate {rate:.1%}")
    assert len({turn.speaker for turn in found}) == people
    assert rate <= 0.10


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Dialogue:
    return dialogue(PEOPLE[:2], 2, tmp_path_factory.mktemp("pair"))


def test_the_labels_count_up_from_who_speaks_first(
    pair: Dialogue, diarizer: BuiltInDiarizer
) -> None:
    found = turns(diarizer, pair.recording)
    labels = list(dict.fromkeys(turn.speaker for turn in found))
    assert labels == ["SPEAKER_00", "SPEAKER_01"]
    assert all(first.start <= second.start for first, second in pairwise(found))


def test_one_speaker_is_all_where_one_is_asked_for(
    pair: Dialogue, diarizer: BuiltInDiarizer
) -> None:
    found = turns(diarizer, pair.recording, SpeakerBounds(exact=1))
    assert {turn.speaker for turn in found} == {"SPEAKER_00"}
    spoken = sum(turn.end - turn.start for turn in pair.turns)
    assert sum(turn.end - turn.start for turn in found) > 0.95 * spoken


def test_where_nobody_speaks_there_are_no_turns(
    tmp_path: Path, pair: Dialogue, diarizer: BuiltInDiarizer
) -> None:
    noise = np.random.default_rng(0).normal(0, 200, 12 * RATE).astype(np.int16)
    quiet = recorded(noise, tmp_path / "noise.pcm")
    assert turns(diarizer, quiet) == ()
    assert diarizer.turns(pair.recording, [], ANY, lambda _: None) == ()


def test_a_recording_shorter_than_a_window_has_its_speaker(
    tmp_path: Path, pair: Dialogue, diarizer: BuiltInDiarizer
) -> None:
    first = pair.turns[0]
    samples = (pair.recording.samples(0.0, first.end) * 32767).astype(np.int16)
    (turn,) = turns(diarizer, recorded(samples, tmp_path / "short.pcm"))
    assert turn.speaker == "SPEAKER_00"
    assert abs(turn.start - first.start) < 0.2


def test_the_same_recording_gives_the_same_turns(pair: Dialogue, diarizer: BuiltInDiarizer) -> None:
    assert turns(diarizer, pair.recording) == turns(diarizer, pair.recording)


def test_progress_goes_to_the_end(pair: Dialogue, diarizer: BuiltInDiarizer) -> None:
    told: list[float] = []
    recording = pair.recording
    diarizer.turns(recording, everything(recording), ANY, told.append)
    assert told == sorted(told)
    assert told[-1] == recording.duration


def test_models_come_with_the_first_recording_and_go_when_told(pair: Dialogue) -> None:
    diarizer = BuiltInDiarizer("cpu")
    assert not diarizer.held
    found = turns(diarizer, pair.recording)
    assert list(diarizer.held) == ["segmentation-3.0 + CAM++"]
    diarizer.unload()
    assert not diarizer.held
    assert turns(diarizer, pair.recording) == found
