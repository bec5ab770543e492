"""The audio pipeline beside a bare call of its engine on the same decoded recording.

Processor seconds of this process and its children: on a shared machine a wall clock measures the
neighbours. Detection of speech, decoding in a box and five artifacts are all the pipeline's.
"""

import os
from collections.abc import Callable
from pathlib import Path

from faster_whisper import WhisperModel

from agent.model.ids import JobId
from agent.model.work import PipelineSettings, Task
from agent.pipelines.audio.decoding import record
from agent.pipelines.audio.pipeline import AudioPipeline
from agent.pipelines.box.running import Box
from agent.pipelines.models.files import ct2_folder
from agent.pipelines.models.search import models_named
from agent.pipelines.spoken.recording import Samples
from tests.benchmarks.reading import reading
from tests.benchmarks.report import Figure, median
from tests.speech import word_error_rate

MINUTES, ROUNDS = 2.0, 3
SETTINGS = PipelineSettings(
    engine="faster-whisper", model="base", device="cpu", threads=1, diarization=False, topics=False
)
BAR = 1.05


def measure(folder: Path) -> list[Figure]:
    spoken = reading(folder, MINUTES)
    task = _task(spoken.path, folder)
    samples = record(Box(), spoken.path, folder).samples()
    folder_of_model = ct2_folder(next(models_named("base", None)), SETTINGS)
    bare = WhisperModel(str(folder_of_model), device="cpu", compute_type="int8", cpu_threads=1)
    ours = AudioPipeline(SETTINGS)
    ours.run(task, lambda _: None)  # loads its model and has it tested
    pairs = []
    for _ in range(ROUNDS):
        pipeline = _cost(lambda: ours.run(task, lambda _: None))
        pairs.append((pipeline, _cost(lambda: _hear(bare, samples))))
    heard = (Path(task.output) / "transcript.txt").read_text()
    plain = word_error_rate(spoken.text, _hear(bare, samples))
    return [
        Figure(
            f"the pipeline on {spoken.seconds:.0f} s of speech (base), beside its engine alone",
            median([pipeline / alone for pipeline, alone in pairs]),
            BAR,
            "times",
            "bar",
        ),
        Figure("… processor seconds", median([ours for ours, _ in pairs]),
               median([alone for _, alone in pairs]), "s", "rival"),
        Figure("… WER", word_error_rate(spoken.text, heard), plain, "", "rival"),
    ]  # fmt: skip


def _task(source: Path, folder: Path) -> Task:
    output = folder / "output"
    output.mkdir()
    return Task(
        job_id=JobId("job"),
        content_type="audio",
        input=str(source),
        filename=source.name,
        media_type=None,
        output=str(output),
        options={"language": "en"},
    )


def _hear(model: WhisperModel, samples: Samples) -> str:
    found, _ = model.transcribe(samples, language="en", beam_size=5)
    return " ".join(segment.text for segment in found)


def _cost(work: Callable[[], object]) -> float:
    before = os.times()
    work()
    after = os.times()
    return sum(after[:4]) - sum(before[:4])
