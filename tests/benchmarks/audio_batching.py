"""What decoding windows together loses: our way, in sequence, and as the library ships it.

`MORAG_BENCH_MEDIA` with `dialog2.flac` and `dialog2.json` has it measured on two real speakers too.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from faster_whisper import BatchedInferencePipeline, WhisperModel

from agent.model.work import PipelineSettings
from agent.pipelines.audio.decoding import record
from agent.pipelines.audio.hearing import Hearing
from agent.pipelines.audio.options import AudioOptions
from agent.pipelines.audio.speech import find_speech
from agent.pipelines.box.running import Box
from agent.pipelines.models.files import ct2_folder
from agent.pipelines.models.search import models_named
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span
from agent.pipelines.spoken.spans import coverage
from tests.benchmarks.media import text_of
from tests.benchmarks.reading import reading
from tests.benchmarks.report import Figure
from tests.speech import word_error_rate

MINUTES, MODEL, BATCH = 2.0, "base", 8
SETTINGS = PipelineSettings(
    engine="faster-whisper", model=MODEL, device="cpu", diarization=False, topics=False
)
BAR_COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Result:
    errors: float
    covered: float
    cost: float


def measure(folder: Path) -> list[Figure]:
    hearing = Hearing(SETTINGS)
    return [
        figure
        for name, file, text in _recordings(folder)
        for figure in _compared(name, record(Box(), file, folder), text, hearing)
    ]


def _recordings(folder: Path) -> Iterator[tuple[str, Path, str]]:
    spoken = reading(folder, MINUTES)
    yield f"{spoken.seconds:.0f} s of two synthetic voices", spoken.path, spoken.text
    real = text_of("dialog2")
    if real is not None:
        yield "two real speakers", *real


def _compared(name: str, recording: Recording, text: str, hearing: Hearing) -> list[Figure]:
    _ours(hearing, recording, text, 1)  # loads the model
    alone = _ours(hearing, recording, text, 1)
    together = _ours(hearing, recording, text, BATCH)
    shipped = _shipped(recording, text)
    return [
        Figure(f"coverage, {BATCH} windows together, {name}", together.covered, BAR_COVERAGE,
               "", "bar"),
        Figure("… beside one after the other", together.covered, alone.covered, "", "rival"),
        Figure("… beside the library's own batches", together.covered, shipped.covered,
               "", "rival"),
        Figure("… WER beside one after the other", together.errors, alone.errors, "", "rival"),
        Figure("… WER beside the library's own batches", together.errors, shipped.errors,
               "", "rival"),
        Figure("… processor seconds beside one after the other", together.cost, alone.cost,
               "s", "rival"),
    ]  # fmt: skip


def _ours(hearing: Hearing, recording: Recording, text: str, batch_size: int) -> Result:
    options = AudioOptions(language="en", batch_size=batch_size)
    begun = os.times()
    transcript = hearing.hear(recording, "talk", options, lambda _: None)
    return Result(word_error_rate(text, transcript.text), transcript.speech_coverage, _since(begun))


def _shipped(recording: Recording, text: str) -> Result:
    folder = ct2_folder(next(models_named(MODEL, None)), SETTINGS)
    model = WhisperModel(str(folder), device="cpu", compute_type="int8")
    begun = os.times()
    found, _ = BatchedInferencePipeline(model).transcribe(
        recording.samples(), language="en", beam_size=5, batch_size=BATCH, without_timestamps=False
    )
    segments = list(found)
    spent = _since(begun)
    covering = (Span(float(one.start), float(one.end)) for one in segments)
    heard = " ".join(one.text for one in segments)
    covered = coverage(find_speech(recording).spans, covering)
    return Result(word_error_rate(text, heard), covered, spent)


def _since(begun: os.times_result) -> float:
    now = os.times()
    return now.user + now.system - begun.user - begun.system
