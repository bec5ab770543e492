"""From the wish to have the box until a child waits, its memory given back, and back again.

tiny.en on the processor, in the middle of a transcription, at moments that nobody chose.
"""

import asyncio
import json
import os
import sys
import time
from pathlib import Path
from random import Random

from agent.edges import place
from agent.edges.children import ChildPool
from agent.model.ids import JobId, Seconds
from agent.model.restraint import Rung
from agent.model.stance import Stance, Step
from agent.model.work import PipelineSettings, Produced, Progress, Task
from tests.benchmarks.report import Figure, median
from tests.speech import FOX, LETTER, MARKET, SHIP, say

COMMAND = (sys.executable, "-m", "agent.pipelines.child")
SETTINGS = PipelineSettings(
    engine="faster-whisper",
    model="tiny.en",
    device="cpu",
    threads=2,
    diarization=False,
    topics=False,
)
BAR_S = 5.0
TALKS = 4
PAUSE = Stance({None: Step(Rung.PAUSE, "a benchmark")})
TALK = (MARKET, LETTER, FOX, SHIP)
TEXT = " ".join(TALK[place] for place in (0, 1, 2, 3, 1, 0, 3, 2))


def measure(folder: Path) -> list[Figure]:
    return asyncio.run(_measure(folder))


async def _measure(folder: Path) -> list[Figure]:
    place._SAFE_POINT = Seconds(60.0)  # to see how long it is, and not that it was too long
    talk = say(TEXT, folder / "talk.wav")
    pool = ChildPool(COMMAND, SETTINGS, os.environ)
    try:
        plain = await _segments(pool, _task(talk, folder / "plain"), [], [])
        back: list[float] = []
        on: list[float] = []
        for number in range(TALKS):
            task = _task(talk, folder / f"{number}-paused")
            if await _segments(pool, task, back, on) != plain:
                raise AssertionError("a paused job hears something else")
    finally:
        await pool.close()
    return [
        Figure("step back in a transcription, median", median(back), BAR_S, "s", "bar"),
        Figure(f"… longest of {len(back)}", max(back), BAR_S, "s", "bar"),
        Figure("… and until it computes again, median", median(on), BAR_S, "s", "bar"),
    ]


async def _segments(pool: ChildPool, task: Task, back: list[float], on: list[float]) -> object:
    """What is heard; with `back` it is paused again and again, and those fill with seconds."""
    heard = asyncio.Queue[Progress]()
    running = asyncio.create_task(pool.run(task, heard.put_nowait))
    is_paused = task.output.endswith("paused")
    dice = Random(1)
    while is_paused and not running.done():
        await asyncio.sleep(dice.uniform(0.1, 1.0))
        if running.done():
            break
        begun = time.monotonic()
        await pool.stand(PAUSE)
        if running.done():
            break
        back.append(time.monotonic() - begun)
        begun = time.monotonic()
        await pool.stand(Stance())
        while not heard.empty():
            heard.get_nowait()
        await asyncio.wait(
            {running, asyncio.ensure_future(heard.get())}, return_when=asyncio.FIRST_COMPLETED
        )
        on.append(time.monotonic() - begun)
    outcome = await running
    if not isinstance(outcome, Produced):
        raise TypeError(f"the benchmark's own job ended with {outcome}")
    return json.loads((Path(task.output) / "transcript.json").read_text())["segments"]


def _task(source: Path, output: Path) -> Task:
    output.mkdir()
    return Task(
        job_id=JobId(output.name),
        content_type="audio",
        input=str(source),
        filename="talk.wav",
        media_type=None,
        output=str(output),
        options={"temperature": 0.0},  # else a window that mumbles is decoded by dice
    )
