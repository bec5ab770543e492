"""Voices and windows without any network, for tests of what is made of them."""

import numpy as np

from agent.pipelines.diarization.hearing import Heard, Part, Stretch
from agent.pipelines.diarization.segmentation import FRAME_S
from agent.pipelines.diarization.voices import DIMENSIONS, Voices, unit

WIDTH = 589


def people(count: int) -> Voices:
    """Voices at right angles: as different as can be."""
    return np.eye(DIMENSIONS, dtype=np.float32)[:count]


def near(voice: Voices, count: int, seed: int = 0, spread: float = 0.35) -> Voices:
    """Voices of one person: with each other, their cosine similarity is about 0.9."""
    noise = np.random.default_rng(seed).normal(size=(count, DIMENSIONS))
    return unit((voice + spread * noise / np.sqrt(DIMENSIONS)).astype(np.float32))


def stretch(start: float, end: float, voice: Voices) -> Stretch:
    """From `start` to `end` seconds of its window."""
    frames = np.zeros(WIDTH, np.bool_)
    frames[round(start / FRAME_S) : round(end / FRAME_S)] = True
    return Stretch(frames, end - start, voice)


def heard(*windows: tuple[float, list[list[Stretch]]]) -> Heard:
    """Windows by their start, each with the stretches of each of its voices."""
    parts = [
        Part(number, tuple(stretches))
        for number, (_, voices) in enumerate(windows)
        for stretches in voices
    ]
    speaking = np.zeros((len(windows), WIDTH), np.int8)
    for part in parts:
        for one in part.stretches:
            speaking[part.window] += one.frames
    return Heard(tuple(start for start, _ in windows), speaking, tuple(parts))
