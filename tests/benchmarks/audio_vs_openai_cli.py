"""The audio pipeline beside openai-whisper's own command line: same weights, whole processes.

Both with a beam of five and fallback, the command line's default; processor seconds.
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
from tests.benchmarks.reading import reading
from tests.benchmarks.report import Figure
from tests.speech import word_error_rate

MINUTES, MODEL, BAR = 10.0, "base", 5.0

OURS = """
import json, sys
from agent.model.work import PipelineSettings, Task
from agent.pipelines.registry import run_task
run_task(
    Task(**json.loads(sys.argv[1])),
    PipelineSettings(model=sys.argv[2], device="cpu", diarization=False, topics=False),
    lambda _progress: None,
)
"""


def measure(folder: Path) -> list[Figure]:
    spoken = reading(folder, MINUTES)
    ours, theirs = folder / "ours", folder / "theirs"
    ours.mkdir()
    task: JsonObject = {
        "job_id": "job",
        "content_type": "audio",
        "input": str(spoken.path),
        "filename": spoken.path.name,
        "media_type": None,
        "output": str(ours),
        "options": {"language": "en"},
    }
    wanted = {
        "--model": str(_checkpoint()), "--language": "en", "--output_dir": str(theirs),
        "--output_format": "txt", "--device": "cpu", "--fp16": "False", "--verbose": "False",
    }  # fmt: skip
    mine = _cost("-c", OURS, json.dumps(task), MODEL)
    rival = _cost(
        "-m", "whisper.transcribe", str(spoken.path), *(w for pair in wanted.items() for w in pair)
    )
    heard = (ours / "transcript.txt").read_text()
    other = (theirs / f"{spoken.path.stem}.txt").read_text()
    name = f"{spoken.seconds:.0f} s of speech ({MODEL}, processor)"
    return [
        Figure(f"times as fast as openai-whisper's command line, {name}", rival / mine, BAR,
               "times", "bar"),
        Figure("… processor seconds", mine, rival, "s", "rival"),
        Figure("… WER", word_error_rate(spoken.text, heard),
               word_error_rate(spoken.text, other), "", "rival"),
    ]  # fmt: skip


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
