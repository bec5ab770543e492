"""`make bench`: every benchmark, one after the other; prints the rows of docs/benchmarks.md.

python -m tests.benchmarks [NAME ...]
"""

import importlib
import sys
import tempfile
from pathlib import Path

from tests.benchmarks.report import HEAD

NAMES = (
    "startup",
    "idle",
    "offer",
    "text_job",
    "parked_polls",
    "morag",
    "bandwidth",
    "speech",
    "boxes",
    "stepping_back",
    "audio_overhead",
    "audio_vs_openai_cli",
    "audio_batching",
    "audio_memory",
    "diarization",
    "topics",
    "documents",
    "ocr",
    "video",
    "on_gpu",
)


def main() -> None:
    names = sys.argv[1:] or NAMES
    print(HEAD, flush=True)
    for name in names:
        module = importlib.import_module(f"tests.benchmarks.{name}")
        with tempfile.TemporaryDirectory(prefix="morag-bench-") as folder:
            for figure in module.measure(Path(folder)):
                print(figure.row(), flush=True)


if __name__ == "__main__":
    main()
