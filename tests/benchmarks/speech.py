"""The audio pipeline beside the engine alone, on the same clip in the same run."""

import statistics
import subprocess
import sys
import time
import wave
from pathlib import Path

from agent.pipelines.models.search import models_named
from tests.benchmarks.report import Figure
from tests.speech import FOX, SHIP, say

RUNS = 3

ENGINE_ALONE = """
import sys, wave
import numpy
from faster_whisper import WhisperModel
with wave.open(sys.argv[1]) as clip:
    frames = numpy.frombuffer(clip.readframes(clip.getnframes()), numpy.int16)
samples = frames / numpy.float32(32768)
model = WhisperModel(sys.argv[2], device="cpu", compute_type="int8")
segments, _ = model.transcribe(samples, language="en", beam_size=5)
print(" ".join(segment.text for segment in segments))
"""


def measure(folder: Path) -> list[Figure]:
    clip = say(" ".join([FOX, SHIP] * 4), folder / "clip.wav")
    ours, alone = [], []
    for run in range(RUNS):
        out = folder / f"out-{run}"
        ours.append(_timed("-m", "agent", "process", str(clip), "--out", str(out)))
        alone.append(_timed("-c", ENGINE_ALONE, str(clip), str(_model())))
    length = _seconds(clip)
    return [
        Figure(
            f"`process` of {length:.0f} s of speech (tiny.en, processor), median",
            statistics.median(ours),
            length,
            "s",
            "length of the clip",
        ),
        Figure(
            "… beside faster-whisper alone",
            statistics.median(ours),
            statistics.median(alone),
            "s",
            "rival",
        ),
    ]


def _model() -> Path:
    model = next(models_named("tiny.en", None))
    return model.path


def _timed(*words: str) -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    return time.monotonic() - started


def _seconds(clip: Path) -> float:
    with wave.open(str(clip)) as sound:
        return float(sound.getnframes() / sound.getframerate())
