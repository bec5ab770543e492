"""What the box around a stranger's file costs, beside the same work without one."""

import subprocess
import sys
import time
from pathlib import Path

from agent.pipelines.box.confinement import ALL_WALLS
from agent.pipelines.box.running import Box
from tests.benchmarks.report import Figure, median
from tests.pipelines.box.conftest import probe_behind

RUNS = 9
CASES = (
    ("an empty box", "start_nothing", "pass"),
    ("… with numpy and PyAV", "start_media", "import numpy, av"),
    ("… with kreuzberg", "start_documents", "import kreuzberg"),
)


def measure(folder: Path) -> list[Figure]:
    file, scratch = folder / "file", folder / "scratch"
    file.write_text("in the file")
    scratch.mkdir()
    return [
        figure
        for name, reader, words in CASES
        for figure in _compare(name, reader, words, file, scratch)
    ]


def _compare(name: str, reader: str, words: str, file: Path, scratch: Path) -> list[Figure]:
    """In turns, so that a busy machine is as busy for each."""
    walled, open_one = probe_behind(ALL_WALLS), probe_behind(frozenset())
    boxed, unwalled, bare = [], [], []
    for _ in range(RUNS):
        boxed.append(_box(walled, reader, file, scratch))
        unwalled.append(_box(open_one, reader, file, scratch))
        bare.append(_bare(words))
    beside = f"… beside python -c '{words}'"
    return [
        Figure(f"{name}, start to answer", median(boxed), median(unwalled), "s", "no walls"),
        Figure(beside, median(boxed), median(bare), "s", "rival"),
    ]


def _box(box: Box, reader: str, file: Path, scratch: Path) -> float:
    started = time.monotonic()
    box.read(reader, file, scratch)
    return time.monotonic() - started


def _bare(words: str) -> float:
    started = time.monotonic()
    subprocess.run([sys.executable, "-c", words], check=True)
    return time.monotonic() - started
