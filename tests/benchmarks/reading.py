"""Minutes of speech whose words are known: sentences of articles, read by two synthetic voices."""

import subprocess
import wave
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path

import numpy as np
import numpy.typing as npt

from tests.articles import articles

RATE = 16_000
VOICES = ("slt", "rms")
_PAUSES = (0.3, 0.9, 0.5)
"""Seconds after a sentence, in turn."""


@dataclass(frozen=True, slots=True)
class Reading:
    path: Path
    """A WAV file, mono at 16 kHz."""
    text: str
    seconds: float


def reading(folder: Path, minutes: float) -> Reading:
    """At least so many minutes, or as many as there are sentences for."""
    parts: list[npt.NDArray[np.int16]] = []
    said: list[str] = []
    seconds = 0.0
    for sentence, sound in _spoken(folder):
        said.append(sentence)
        parts.append(sound)
        seconds += len(sound) / RATE
        if seconds >= minutes * 60:
            break
    path = folder / "reading.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.concatenate(parts).tobytes())
    return Reading(path, " ".join(said), seconds)


def _spoken(folder: Path) -> Iterator[tuple[str, npt.NDArray[np.int16]]]:
    voices, pauses = cycle(VOICES), cycle(_PAUSES)
    file = folder / "sentence.wav"
    for article in articles():
        for sentence in article.sentences:
            command = ["flite", "-voice", next(voices), "-t", sentence, "-o", str(file)]
            subprocess.run(command, check=True)
            with wave.open(str(file)) as sound:
                words = np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
            yield sentence, np.concatenate([words, np.zeros(int(next(pauses) * RATE), np.int16)])
