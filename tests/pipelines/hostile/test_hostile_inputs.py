"""Sixty files and more that want to break, stop or cheat the child that reads them.

They go through a real pool with a real child, one after the other: what one of them broke, the next
one would meet.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import psutil
import pytest

from agent.compose.children import CHILD
from agent.edges.children import ChildPool
from agent.edges.place import Limits
from agent.model.ids import JobId, Seconds
from agent.model.work import Failed, Outcome, PipelineSettings, Produced, Task
from tests.pipelines.hostile.hostile_input import PRIVATE, HostileInput
from tests.pipelines.hostile.papers import PAPERS
from tests.pipelines.hostile.pictures import PICTURES
from tests.pipelines.hostile.sounds_and_films import FILMS, SOUNDS

EVERY = SOUNDS + FILMS + PICTURES + PAPERS
LONGEST = 60.0
"""Seconds on a busy machine; the usual ones take less than two."""
MOST_MEMORY = 4 * 1024**3
"""What the box of a reader may take, and the models of the child beside it."""


class Bench:
    """A pool of one child on an event loop of its own, and the memory of what it runs."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        settings = PipelineSettings(model="tiny.en", diarization=False, topics=False, threads=1)
        limits = Limits(jobs=10_000, stall=Seconds(LONGEST))
        self.pool = ChildPool(CHILD, settings, os.environ, (None,), limits)

    def run(self, task: Task) -> tuple[Outcome, float, int]:
        """What came of it, after how many seconds, and the most bytes that were resident."""
        begun = monotonic()
        outcome, peak = self.loop.run_until_complete(self._watched(task))
        return outcome, monotonic() - begun, peak

    async def _watched(self, task: Task) -> tuple[Outcome, int]:
        peak = 0
        running = asyncio.ensure_future(self.pool.run(task, lambda _: None))
        while not running.done():
            await asyncio.wait({running}, timeout=0.1)
            peak = max(peak, _resident_below_us())
        return running.result(), peak

    def close(self) -> None:
        self.loop.run_until_complete(self.pool.close())
        self.loop.close()


def _resident_below_us() -> int:
    total = 0
    for process in psutil.Process().children(recursive=True):
        try:
            total += process.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    bench = Bench()
    yield bench
    bench.close()


def test_there_are_sixty_of_them() -> None:
    assert len({str(one) for one in EVERY}) == len(EVERY) >= 60


@pytest.mark.parametrize("hostile", EVERY, ids=str)
def test_it_ends_with_the_right_code_in_time_and_memory_and_shows_nothing_of_the_owners(
    hostile: HostileInput, bench: Bench, tmp_path: Path
) -> None:
    secret, file, output = tmp_path / "secret.txt", tmp_path / "input", tmp_path / "output"
    secret.write_text(PRIVATE)
    output.mkdir()
    hostile.make(file, secret)
    task = Task(
        job_id=JobId("hostile"),
        content_type=hostile.content_type,
        input=str(file),
        filename=hostile.filename,
        media_type=None,
        output=str(output),
        options={},
    )

    outcome, taken, peak = bench.run(task)

    assert isinstance(outcome, Produced | Failed), outcome
    code = outcome.code if isinstance(outcome, Failed) else None
    assert code in hostile.ends, outcome
    assert taken < LONGEST
    assert peak < MOST_MEMORY
    assert not any(PRIVATE.encode() in path.read_bytes() for path in _files(output))
    assert not isinstance(outcome, Failed) or PRIVATE not in outcome.message + outcome.detail
    assert {path.name for path in tmp_path.iterdir()} == {"secret.txt", "input", "output"}


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in folder.rglob("*") if path.is_file())
