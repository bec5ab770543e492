"""Recordings that no repository may hold: in the folder that MORAG_BENCH_MEDIA names, if any."""

import os
from pathlib import Path


def recording_named(name: str) -> Path | None:
    """`NAME.flac` or `NAME.wav`, with `NAME.rttm` beside it that says who speaks when."""
    named = os.environ.get("MORAG_BENCH_MEDIA")
    candidates = [Path(named) / f"{name}{suffix}" for suffix in (".flac", ".wav")] if named else []
    return next((path for path in candidates if path.is_file()), None)
