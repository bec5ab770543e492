"""Lets synthesised speakers talk to one another, so that it is known who spoke when."""

import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from agent.pipelines.diarization.turns import Turn
from agent.pipelines.spoken.recording import Recording, Source
from agent.pipelines.spoken.span import Span

RATE = 16_000
PAUSE_S = 0.7


@dataclass(frozen=True, slots=True)
class Voice:
    """A voice of flite; `height` shifts its pitch and the size of its throat, not its pace."""

    name: str
    height: float = 1.0


PEOPLE = (
    Voice("slt"),
    Voice("rms"),
    Voice("kal"),
    Voice("awb"),
    Voice("slt", 0.8),
    Voice("kal", 1.25),
)
"""Six who sound different: their voices' cosine similarity is at most 0.41, and 0.7 within one."""

LINES = (
    "Good morning everybody, and thank you for coming to talk about the new garden.",
    "I have brought the plans, and the first thing to settle is where the trees go.",
    "Last summer the river rose so high that the lower fields stood under water.",
    "We should ask the neighbors before we dig anything close to their wall.",
    "My brother has an old tractor that could pull the stones out in one day.",
    "The children want a pond with frogs, but a pond needs a fence around it.",
    "If we plant in October, the roots have the whole winter to grow strong.",
)


@dataclass(frozen=True, slots=True)
class Dialogue:
    recording: Recording
    turns: tuple[Turn, ...]

    @property
    def speech(self) -> tuple[Span, ...]:
        return tuple(Span(turn.start, turn.end) for turn in self.turns)


def dialogue(people: Sequence[Voice], rounds: int, folder: Path) -> Dialogue:
    """All of them in turn, `rounds` times; the first line of each is the next one's second."""
    turns: list[Turn] = []
    pieces = [_silence(PAUSE_S)]
    position = PAUSE_S
    for number, (person, line) in enumerate(_script(people, rounds)):
        samples = spoken(person, line)
        length = len(samples) / RATE
        turns.append(Turn(position, position + length, f"person {number % len(people)}"))
        pieces += [samples, _silence(PAUSE_S)]
        position += length + PAUSE_S
    return Dialogue(recorded(np.concatenate(pieces), folder / f"{len(people)}.pcm"), tuple(turns))


def recorded(samples: npt.NDArray[np.int16], path: Path) -> Recording:
    samples.astype("<i2").tofile(path)
    return Recording(path, Source(None, "wav", "pcm_s16le", 1, RATE))


def spoken(person: Voice, line: str) -> npt.NDArray[np.int16]:
    """Without the silence that flite puts around it."""
    flite = ["flite", "-voice", person.name, "-t", line, "-o", "/dev/stdout"]
    speech = subprocess.run(flite, check=True, capture_output=True).stdout
    shift = f"aresample={RATE},asetrate={RATE * person.height:.0f},aresample={RATE}"
    command = ["ffmpeg", "-v", "error", "-f", "wav", "-i", "-", "-af"]
    command += [f"{shift},atempo={1 / person.height}", "-ac", "1", "-f", "s16le", "-"]
    raw = subprocess.run(command, input=speech, check=True, capture_output=True).stdout
    samples = np.frombuffer(raw, "<i2")
    loud = np.flatnonzero(np.abs(samples) > 300)
    return samples[loud[0] : loud[-1] + 1]


def _script(people: Sequence[Voice], rounds: int) -> Iterator[tuple[Voice, str]]:
    for turn in range(rounds):
        for number, person in enumerate(people):
            yield person, LINES[(turn + number) % len(LINES)]


def _silence(seconds: float) -> npt.NDArray[np.int16]:
    return np.zeros(round(seconds * RATE), np.int16)
