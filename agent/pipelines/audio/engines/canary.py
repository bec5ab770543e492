"""Two seconds of known speech: an engine that cannot write them down hears nothing on this box.

Some pairs of driver and library give empty transcripts without any error, and a pipeline cannot
tell those from a recording in which nobody speaks. The voice is flite's, the file is our own.
"""

import re
import wave
from dataclasses import dataclass
from importlib.resources import files

import numpy as np

from agent.pipelines.audio.engines.engine import Engine, Request
from agent.pipelines.models.catalogue import CATALOGUE
from agent.pipelines.spoken.recording import Samples

SPOKEN = "The fox jumps over the lazy dog."
_MUST_BE_HEARD = frozenset({"fox", "dog"})
"""Any Whisper, the smallest too, hears these; smaller words may well be mistaken."""
_ZERO = 128
"""Of samples of one byte."""
_QUESTION = Request(
    language="en",
    task="transcribe",
    beam_size=1,
    temperature=0.0,
    is_frugal=True,
)


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    is_right: bool


def canary() -> Samples:
    resource = files("agent.pipelines.audio.engines") / "canary.wav"
    with resource.open("rb") as file, wave.open(file) as sound:
        raw = np.frombuffer(sound.readframes(sound.getnframes()), np.uint8)
    return (raw.astype(np.float32) - _ZERO) / np.float32(_ZERO)


def ask(engine: Engine) -> Answer:
    """What the engine makes of it. Raises what the library raises."""
    heard = engine.transcribe(canary(), _QUESTION, lambda _seconds: None)
    text = " ".join(segment.text.strip() for segment in heard)
    words = set(re.findall(r"[a-z]+", text.lower()))
    if engine.loaded.model in CATALOGUE:
        return Answer(text, words >= _MUST_BE_HEARD)
    # The owner's own model may be made for another language; it must hear something, though.
    return Answer(text, bool(re.search(r"\w", text)))
