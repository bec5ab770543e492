"""How much memory four hours take, beside ten minutes: the worker's peak, and that of its box.

The long one begins with the short one and has a minute of speech in each ten from there on, so
that measuring takes minutes, not hours.
"""

import json
import subprocess
import sys
import wave
from pathlib import Path

from agent.model.ids import JsonObject
from tests.benchmarks.reading import RATE, reading
from tests.benchmarks.report import Figure

BAR = 1.3
_BLOCK = 600
_BLOCKS = 24

RUN = """
import json, resource, sys
from agent.model.work import PipelineSettings, Task
from agent.pipelines.registry import run_task
produced = run_task(
    Task(**json.loads(sys.argv[1])),
    PipelineSettings(model="tiny.en", device="cpu", threads=1, diarization=False, topics=False),
    lambda _progress: None,
)
who = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
print(json.dumps([resource.getrusage(one).ru_maxrss / 1024 for one in who]))
"""


def measure(folder: Path) -> list[Figure]:
    spoken = reading(folder, 10.0)
    with wave.open(str(spoken.path)) as file:
        whole = file.readframes(_BLOCK * RATE)
    short = _written(folder / "short.wav", [whole])
    minute = whole[: 60 * RATE * 2].ljust(_BLOCK * RATE * 2, b"\0")
    long = _written(folder / "long.wav", [whole, *[minute] * (_BLOCKS - 1)])
    few, many = _peaks(short, folder / "few"), _peaks(long, folder / "many")
    return [
        Figure("peak memory for four hours, beside ten minutes", many[0] / few[0], BAR,
               "times", "bar"),
        Figure("… of the worker (tiny.en)", many[0], few[0], "MB", "ten minutes"),
        Figure("… of its box", many[1], few[1], "MB", "ten minutes"),
    ]  # fmt: skip


def _written(path: Path, blocks: list[bytes]) -> Path:
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        for block in blocks:
            file.writeframes(block)
    return path


def _peaks(file: Path, output: Path) -> tuple[float, float]:
    output.mkdir()
    task: JsonObject = {
        "job_id": "job",
        "content_type": "audio",
        "input": str(file),
        "filename": file.name,
        "media_type": None,
        "output": str(output),
        "options": {},
    }
    ran = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(task)], check=True, capture_output=True, text=True
    )
    worker, box = json.loads(ran.stdout.splitlines()[-1])
    return worker, box
