from timeit import default_timer as stopwatch

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.topics.segmentation import Vectors, cuts


def about(*lengths: int, likeness: float = 0.6, seed: int = 0) -> Vectors:
    """One subject after the other: unit vectors with that cosine similarity within a subject."""
    noise = np.random.default_rng(seed).normal(size=(sum(lengths), 384))
    noise /= np.linalg.norm(noise, axis=1, keepdims=True)
    subjects = np.eye(384)[np.repeat(np.arange(len(lengths)), lengths)]
    vectors = np.sqrt(likeness) * subjects + np.sqrt(1 - likeness) * noise
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit


@given(st.lists(st.integers(5, 30), min_size=1, max_size=8), st.integers(0, 50))
def test_cuts_fall_where_the_subject_changes(lengths: list[int], seed: int) -> None:
    found = cuts(about(*lengths, seed=seed), shortest=4, most=100)
    assert list(found) == np.cumsum([0, *lengths[:-1]]).tolist()


@given(st.integers(1, 60), st.integers(1, 12), st.integers(1, 8), st.integers(0, 20))
def test_no_stretch_is_too_short_and_there_are_not_too_many(
    count: int, shortest: int, most: int, seed: int
) -> None:
    found = cuts(about(count, likeness=0.0, seed=seed), shortest=shortest, most=most)
    ends = [*found[1:], count]
    assert found[0] == 0
    assert len(found) <= most
    assert len(found) == 1 or all(
        end - begin >= shortest for begin, end in zip(found, ends, strict=True)
    )


def test_nothing_has_no_cuts() -> None:
    assert cuts(np.zeros((0, 384), np.float32), shortest=4, most=5) == ()


def test_a_speech_about_one_thing_is_not_cut() -> None:
    assert cuts(about(80, likeness=0.3), shortest=4, most=20) == (0,)


def test_half_a_day_of_speech_takes_seconds() -> None:
    count = 4_000
    lengths = [25] * (count // 25)
    started = stopwatch()
    found = cuts(about(*lengths), shortest=4, most=count // 8)
    assert list(found) == list(range(0, count, 25))
    assert stopwatch() - started < 30
