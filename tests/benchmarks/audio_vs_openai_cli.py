"""The audio pipeline beside openai-whisper's own command line: same weights, whole processes.

Both with a beam of five and fallback, the command line's default, and one thread; processor
seconds. `MORAG_BENCH_MEDIA` with `dialog2.flac` and `dialog2.json` has it measured on two real
speakers too.
"""

import json
import os
import subprocess
import sys
from pathlib import Path

from agent.model.ids import JsonObject
from agent.model.work import PipelineSettings
from agent.pipelines.audio.engines.checkpoint import convert
from agent.pipelines.models.files import converted, ct2_folder
from agent.pipelines.models.search import models_named
from tests.benchmarks.heard import difference, heard
from tests.benchmarks.media import text_of
from tests.benchmarks.reading import reading
from tests.benchmarks.report import Figure

MINUTES, MODEL, BAR = 10.0, "base", 5.0

OURS = """
import json, sys
from agent.model.work import PipelineSettings, Task
from agent.pipelines.registry import run_task
run_task(
    Task(**json.loads(sys.argv[1])),
    PipelineSettings(model=sys.argv[2], device="cpu", diarization=False, topics=False, threads=1),
    lambda _progress: None,
)
"""


def measure(folder: Path) -> list[Figure]:
    spoken = reading(folder, MINUTES)
    name = f"{spoken.seconds:.0f} s of speech ({MODEL}, processor)"
    figures = _compared(name, spoken.path, spoken.text, folder / "made")
    real = text_of("dialog2")
    if real is not None:
        figures += _compared("two real speakers", *real, folder / "real")
    return figures


def _compared(name: str, sound: Path, text: str, folder: Path) -> list[Figure]:
    ours, theirs = folder / "ours", folder / "theirs"
    ours.mkdir(parents=True)
    cost, rival = _ours(sound, ours), _theirs(sound, theirs)
    mine = heard(text, (ours / "transcript.txt").read_text())
    other = heard(text, (theirs / f"{sound.stem}.txt").read_text())
    low, high = difference(mine, other)
    interval = f"rival; the difference is {100 * low:.2f} to {100 * high:.2f} with 95 % certainty"
    return [
        Figure(f"times as fast as openai-whisper's command line, {name}", rival / cost, BAR,
               "times", "bar"),
        Figure("… processor seconds", cost, rival, "s", "rival"),
        Figure("… WER", 100 * mine.rate, 100 * other.rate, "%", interval),
    ]  # fmt: skip


def _ours(sound: Path, folder: Path) -> float:
    task: JsonObject = {
        "job_id": "job",
        "content_type": "audio",
        "input": str(sound),
        "filename": sound.name,
        "media_type": None,
        "output": str(folder),
        "options": {"language": "en"},
    }
    return _cost("-c", OURS, json.dumps(task), MODEL)


def _theirs(sound: Path, folder: Path) -> float:
    wanted = {
        "--model": str(_checkpoint()), "--language": "en", "--output_dir": str(folder),
        "--output_format": "txt", "--device": "cpu", "--fp16": "False", "--verbose": "False",
        "--threads": "1",
    }  # fmt: skip
    words = (word for pair in wanted.items() for word in pair)
    return _cost("-m", "whisper.transcribe", str(sound), *words)


def _checkpoint() -> Path:
    settings = PipelineSettings(model=MODEL)
    folder = ct2_folder(next(models_named(MODEL, None)), settings)
    return converted(folder / "model.bin", settings, lambda file: convert(folder, file))


def _cost(*words: str) -> float:
    before = os.times()
    subprocess.run([sys.executable, *words], check=True, capture_output=True)
    after = os.times()
    spent = (after.children_user - before.children_user, after.children_system)
    return spent[0] + spent[1] - before.children_system
