"""Recordings that no repository may hold: in the folder that MORAG_BENCH_MEDIA names, if any."""

import json
import os
from pathlib import Path


def recording_named(name: str) -> Path | None:
    """`NAME.flac` or `NAME.wav`, with `NAME.rttm` beside it that says who speaks when."""
    named = os.environ.get("MORAG_BENCH_MEDIA")
    candidates = [Path(named) / f"{name}{suffix}" for suffix in (".flac", ".wav")] if named else []
    return next((path for path in candidates if path.is_file()), None)


def text_of(name: str) -> tuple[Path, str] | None:
    """A recording with `NAME.json` beside it that says what is said, and that text."""
    path = recording_named(name)
    if path is None:
        return None
    turns = json.loads(path.with_suffix(".json").read_text())
    return path, " ".join(turn["text"] for turn in turns["utterances"])
