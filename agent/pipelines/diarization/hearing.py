"""Listens to a whole recording through both networks, a few windows at a time.

What stays in memory is small: who is heard in which frame, and a voice or two per window; four
hours are about 20 MB.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from agent.pipelines.diarization.features import MelEnergies
from agent.pipelines.diarization.pieces import Frames, Piece, pieces
from agent.pipelines.diarization.segmentation import WINDOW_S, SegmentationNetwork
from agent.pipelines.diarization.voices import VoiceNetwork, Voices, unit
from agent.pipelines.diarization.weights import segmentation_weights, voice_weights
from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span

_STEP_S = 5.0
"""Between windows: half of what 2.5 s cost, and no worse on telephone and meetings."""
_BATCH: dict[str, int] = {"cpu": 4, "cuda": 32}
_ONE_PERSON = 0.5
"""Cosine similarity of two stretches that the segmentation gives to one local speaker; below it
they are two people."""
_SURE_S = 2.0
"""Seconds: a shorter stretch on the telephone may not even resemble its own speaker."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What one voice says without a long pause."""

    frames: Frames
    clean: float
    """Seconds without anybody else."""
    voice: Voices
    """Of length 1."""


@dataclass(frozen=True, slots=True)
class Part:
    """What one voice says in one window."""

    window: int
    stretches: tuple[Stretch, ...]

    @property
    def clean(self) -> float:
        return sum(stretch.clean for stretch in self.stretches)

    @property
    def voice(self) -> Voices:
        """The mean of the stretches' voices by their lengths; every voice is some evidence."""
        weights = np.array([stretch.clean + 1e-3 for stretch in self.stretches], np.float32)
        return unit(weights @ np.stack([stretch.voice for stretch in self.stretches]))


@dataclass(frozen=True, slots=True)
class Heard:
    starts: tuple[float, ...]
    """Of each window, in seconds."""
    speaking: npt.NDArray[np.int8]
    """Windows by frames: how many speak."""
    parts: tuple[Part, ...]
    """By window."""


class Networks:
    """Both networks on one device. They are small: to come back, they are read again."""

    def __init__(self, device: str) -> None:
        self.batch = _BATCH[device]
        self.device = device
        self.energies = MelEnergies(device)
        self._pair: _Pair | None = _Pair.load(device)

    @property
    def segmentation(self) -> SegmentationNetwork:
        return self._loaded().segmentation

    @property
    def voice(self) -> VoiceNetwork:
        return self._loaded().voice

    def _loaded(self) -> "_Pair":
        self._pair = self._pair or _Pair.load(self.device)
        return self._pair

    def leave_gpu(self) -> bool:
        if self.device != "cpu":
            self._pair = None
        return True

    def return_to_gpu(self) -> None:
        self._loaded()


@dataclass(frozen=True, slots=True)
class _Pair:
    segmentation: SegmentationNetwork
    voice: VoiceNetwork

    @classmethod
    def load(cls, device: str) -> "_Pair":
        return cls(
            SegmentationNetwork(segmentation_weights(), device),
            VoiceNetwork(voice_weights(), device),
        )


class _Voices:
    """Collects pieces and takes their voices in batches of equal length."""

    def __init__(self, networks: Networks) -> None:
        self._networks = networks
        self._batch = networks.batch
        self._waiting: dict[int, list[Piece]] = {}
        self._taken: dict[tuple[int, int], list[Stretch]] = {}

    def add(self, piece: Piece) -> None:
        waiting = self._waiting.setdefault(len(piece.energies), [])
        waiting.append(piece)
        if len(waiting) == self._batch:
            self._take(waiting)

    def parts(self) -> tuple[Part, ...]:
        """All of them, by window, and by local speaker within it."""
        for waiting in self._waiting.values():
            while waiting:  # one by one: a batch of two would be one more shape
                self._take([waiting.pop()])
        ordered = sorted(self._taken.items())
        return tuple(
            Part(window, person)
            for (window, _), stretches in ordered
            for person in by_voice(stretches)
        )

    def _take(self, batch: list[Piece]) -> None:
        voices = self._networks.voice.voices(torch.stack([piece.energies for piece in batch]))
        for piece, voice in zip(batch, voices, strict=True):
            stretch = Stretch(piece.frames, piece.clean, voice)
            self._taken.setdefault((piece.window, piece.local), []).append(stretch)
        batch.clear()


def hear(
    networks: Networks,
    recording: Recording,
    speech: Sequence[Span],
    on_position: Callable[[float], None],
) -> Heard:
    """Everything in the windows that touch `speech`."""
    starts = window_starts(recording.duration, speech)
    voices = _Voices(networks)
    speaking = []
    for first in range(0, len(starts), networks.batch):
        some = starts[first : first + networks.batch]
        windows = _read(recording, some)
        activities = networks.segmentation.activity(windows)
        speaking.append(activities.sum(2, dtype=np.int8))
        for number, activity in enumerate(activities):
            if activity.any():
                energies = networks.energies.of(windows[number])
                for piece in pieces(first + number, activity, energies):
                    voices.add(piece)
        on_position(min(recording.duration, some[-1] + WINDOW_S))
    return Heard(starts, np.concatenate(speaking or [np.zeros((0, 0), np.int8)]), voices.parts())


def window_starts(duration: float, speech: Sequence[Span]) -> tuple[float, ...]:
    """Seconds: every step, and one window that ends where the recording does."""
    last = max(0.0, duration - WINDOW_S)
    starts = [*np.arange(0.0, last, _STEP_S).tolist(), last]
    begins = np.array([span.start for span in speech])
    ends = np.maximum.accumulate(np.array([span.end for span in speech]))
    # The last span that begins within the window or before it decides, or one before that.
    places = np.searchsorted(begins, np.array(starts) + WINDOW_S)
    return tuple(
        start
        for start, place in zip(starts, places, strict=True)
        if place and ends[place - 1] > start
    )


def by_voice(stretches: Iterable[Stretch]) -> list[tuple[Stretch, ...]]:
    """The stretches of one local speaker, those of each person apart."""
    people: list[tuple[Stretch, ...]] = []
    for stretch in sorted(stretches, key=lambda one: -one.clean):
        likeness = [float(person[0].voice @ stretch.voice) for person in people]
        nearest = likeness.index(max(likeness)) if likeness else 0
        if likeness and (likeness[nearest] >= _ONE_PERSON or stretch.clean < _SURE_S):
            people[nearest] += (stretch,)
        else:
            people.append((stretch,))
    return people


def _read(recording: Recording, starts: Sequence[float]) -> npt.NDArray[np.float32]:
    """Windows by samples; what reaches past the end is silent."""
    windows = np.zeros((len(starts), round(WINDOW_S * SAMPLE_RATE)), np.float32)
    for window, start in zip(windows, starts, strict=True):
        samples = recording.samples(start, start + WINDOW_S)[: len(window)]
        window[: len(samples)] = samples
    return windows
