from timeit import default_timer as stopwatch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.diarization.clustering import find_speakers
from agent.pipelines.diarization.turns import SpeakerBounds
from agent.pipelines.diarization.voices import DIMENSIONS, Voices
from tests.pipelines.diarization.heard import near, people

ANY = SpeakerBounds()


def said(count: int, *, by: int) -> Voices:
    return np.concatenate([near(voice, count, seed) for seed, voice in enumerate(people(by))])


def clean(voices: Voices, seconds: float = 4.0) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.full(len(voices), seconds)


def matches(found: Voices, truth: Voices) -> list[int]:
    """Which of the true people each found one is nearest to."""
    return sorted((found @ truth.T).argmax(1).tolist())


@given(by=st.integers(1, 12), count=st.integers(2, 20))
def test_as_many_speakers_are_found_as_there_are_voices(by: int, count: int) -> None:
    voices = said(count, by=by)
    assert matches(find_speakers(voices, clean(voices), ANY), people(by)) == list(range(by))


@given(by=st.integers(1, 6), seed=st.integers(0, 100))
def test_the_order_of_the_voices_does_not_matter(by: int, seed: int) -> None:
    voices = said(8, by=by)
    shuffled = voices[np.random.default_rng(seed).permutation(len(voices))]
    found = find_speakers(shuffled, clean(shuffled), ANY)
    assert matches(found, people(by)) == list(range(by))


def test_no_voice_is_no_speaker() -> None:
    assert len(find_speakers(np.zeros((0, DIMENSIONS), np.float32), np.zeros(0), ANY)) == 0


def test_one_voice_is_one_speaker() -> None:
    assert len(find_speakers(people(1), np.array([3.0]), ANY)) == 1


def test_a_voice_that_is_never_heard_alone_is_still_somebody() -> None:
    assert len(find_speakers(people(1), np.array([0.0]), ANY)) == 1


@pytest.mark.parametrize("exact", [1, 2, 3, 4])
def test_a_known_number_joins_the_nearest(exact: int) -> None:
    voices = said(10, by=4)
    found = find_speakers(voices, clean(voices), SpeakerBounds(exact=exact))
    assert len(found) == exact


def test_a_known_number_parts_voices_that_sound_alike() -> None:
    base, other = people(2)
    sister = 0.8 * base + 0.6 * other
    voices = np.concatenate([near(base, 10, spread=0.1), near(sister, 10, 1, spread=0.1)])
    assert len(find_speakers(voices, clean(voices), ANY)) == 1
    found = find_speakers(voices, clean(voices), SpeakerBounds(exact=2))
    assert matches(found, np.stack([base, sister])) == [0, 1]


def test_bounds_clamp_what_is_estimated() -> None:
    voices = said(10, by=4)
    most = find_speakers(voices, clean(voices), SpeakerBounds(most=3))
    within = find_speakers(voices, clean(voices), SpeakerBounds(least=2, most=6))
    assert (len(most), len(within)) == (3, 4)


def test_speakers_are_never_made_up_to_reach_a_number() -> None:
    voices = people(2)
    assert len(find_speakers(voices, clean(voices), SpeakerBounds(exact=5))) == 2


def test_a_cough_is_no_speaker() -> None:
    first, second, cough = people(3)
    voices = np.concatenate([near(first, 20), near(second, 20, 1), cough[None]])
    seconds = np.array([4.0] * 40 + [0.6])
    assert matches(find_speakers(voices, seconds, ANY), people(3)) == [0, 1]


def test_a_voice_that_is_mostly_overlapped_does_not_count_where_others_are_clear() -> None:
    voices = np.concatenate([said(10, by=2), near(people(3)[2], 1)])
    seconds = np.array([4.0] * 20 + [0.2])
    assert matches(find_speakers(voices, seconds, ANY), people(3)) == [0, 1]


def test_four_hours_of_voices_are_clustered_in_seconds_and_lose_nobody() -> None:
    voices = said(2_000, by=6)
    started = stopwatch()
    found = find_speakers(voices, clean(voices), ANY)
    assert matches(found, people(6)) == list(range(6))
    assert stopwatch() - started < 20
