"""Speech on an NVIDIA GPU, and how soon somebody else's program has the card to itself.

tiny.en by each engine that is installed; ten minutes of two synthetic voices for the rate, an hour
and a half of them while a program from outside comes and goes. Prints a sentence and no row where
there is no GPU. `MORAG_BENCH_ENGINES=openai-whisper` measures that one alone.
"""

import asyncio
import os
import sys
import wave
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from timeit import default_timer as stopwatch

from agent.edges.children import ChildPool
from agent.edges.nvml import Nvml
from agent.model.ids import JobId, JsonValue
from agent.model.work import PipelineSettings, Produced, Task
from agent.pipelines.models.choice import EngineName, is_installed
from tests.benchmarks.heard import heard
from tests.benchmarks.reading import Reading, reading
from tests.benchmarks.report import Figure
from tests.benchmarks.sharing import Share, share

COMMAND = (sys.executable, "-m", "agent.pipelines.child")
SETTINGS = PipelineSettings(model="tiny.en", device="cuda", diarization=False, topics=False)
BAR_S, MINUTES, TIMES = 5.0, 10.0, 9


def measure(folder: Path) -> Iterator[Figure]:
    sight = Nvml().look()
    if not sight.gpus:
        print(f"on_gpu: skipped, {sight.reason}", file=sys.stderr)
        return
    print(f"on_gpu: {sight.gpus[0].name}, driver {sight.gpus[0].driver}", file=sys.stderr)
    spoken = reading(folder, MINUTES)
    for engine in _engines():
        settings = replace(SETTINGS, engine=engine)
        yield from _rates(spoken, settings, folder / engine)
        yield from _shares(_lengthened(spoken, folder), settings, folder / f"{engine}-shared")


def _engines() -> Iterator[EngineName]:
    wanted = os.environ.get("MORAG_BENCH_ENGINES", ",".join(EngineName)).split(",")
    return (engine for engine in EngineName if engine in wanted and is_installed(engine))


def _rates(spoken: Reading, settings: PipelineSettings, folder: Path) -> Iterator[Figure]:
    together = asyncio.run(_rate(spoken, settings, folder / "together", {}))
    in_order = asyncio.run(_rate(spoken, settings, folder / "in-order", {"batch_size": 1}))
    cpu = replace(settings, device="cpu")
    processor = asyncio.run(_rate(spoken, cpu, folder / "cpu", {}))
    for name, (rate, errors) in {"together": together, "one after the other": in_order}.items():
        where = f"{settings.engine}, {name}"
        yield Figure(f"{where}: seconds of speech a second", rate, processor[0], "s", "processor")
        yield Figure("… word error rate", errors, processor[1], "%", "processor")


async def _rate(
    spoken: Reading, settings: PipelineSettings, folder: Path, options: dict[str, JsonValue]
) -> tuple[float, float]:
    """Of the second job of a child, which has the model loaded."""
    device = "0" if settings.device == "cuda" else None
    pool = ChildPool(COMMAND, settings, os.environ, devices=(device,))
    try:
        await _job(pool, _task(spoken.path, folder / "first", options))
        begun = stopwatch()
        text = await _job(pool, _task(spoken.path, folder / "second", options))
        took = stopwatch() - begun
    finally:
        await pool.close()
    return spoken.seconds / took, 100 * heard(spoken.text, text).rate


async def _job(pool: ChildPool, task: Task) -> str:
    outcome = await pool.run(task, lambda _: None)
    if not isinstance(outcome, Produced):
        raise TypeError(f"the benchmark's own job ended with {outcome}")
    return (Path(task.output) / "transcript.txt").read_text()


def _shares(talk: Path, settings: PipelineSettings, folder: Path) -> Iterator[Figure]:
    task = _task(talk, folder, {"batch_size": 1, "word_timestamps": True})
    shared: Share = asyncio.run(share(task, settings))
    who = settings.engine
    for number, took in enumerate(shared.until_off, 1):
        name = f"{who}: a foreign program's first memory until our models are off, round {number}"
        yield Figure(name, took, BAR_S, "s", "bar")
    yield Figure("… and until we compute again, after it has ended", shared.until_on,
                 shared.quiet + BAR_S, "s", "bar")  # fmt: skip
    yield Figure("… memory while we compute, and while we wait", shared.computing, shared.waiting,
                 "MB", "waiting")  # fmt: skip
    yield Figure("… and after the hand-back", shared.handed_back, 1.0, "MB", "bar")


def _lengthened(spoken: Reading, folder: Path) -> Path:
    path = folder / "long.wav"
    with wave.open(str(spoken.path)) as source, wave.open(str(path), "wb") as target:
        target.setparams(source.getparams())
        frames = source.readframes(source.getnframes())
        for _ in range(TIMES):
            target.writeframes(frames)
    return path


def _task(source: Path, output: Path, options: dict[str, JsonValue]) -> Task:
    output.mkdir(parents=True)
    return Task(
        job_id=JobId(output.name),
        content_type="audio",
        input=str(source),
        filename="talk.wav",
        media_type=None,
        output=str(output),
        options={"language": "en", **options},
    )
