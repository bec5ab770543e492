"""Twenty deaths of each kind in one place of a pool, and another place that never notices."""

import asyncio
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import psutil
import pytest

from agent.edges.children import ChildPool
from agent.edges.place import Limits
from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.work import Failed, PipelineSettings, Produced
from tests.edges.memory_group import memory_group
from tests.edges.tasks import ignore, task
from tests.processes import named

pytestmark = [pytest.mark.real_time, pytest.mark.slow]

CHILD = """
import ctypes, os, signal, socket, subprocess, sys, time
from agent.model.failures import FailureCode
from agent.model.work import Failed, Produced, Progress, Ready, decode, encode
from agent.pipelines.guard import split_off_guard

split_off_guard()
connection = socket.socket(fileno=int(sys.argv[-1]))
frames = connection.makefile("rb")
frames.readline()
connection.sendall(encode(Ready(("text",))))
for line in frames:
    kind = decode(line).content_type
    if kind != "text":
        for sleep in (["sleep"], ["setsid", "sleep"]):
            subprocess.Popen([*sleep, sys.argv[1]])
    match kind:
        case "kill": os.kill(os.getpid(), signal.SIGKILL)
        case "segfault": ctypes.string_at(0)
        case "exit": os._exit(0)
        case "hang":
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            time.sleep(3600)
        case "greed": greed = bytearray(b"x") * 400_000_000
        case "out of memory":
            connection.sendall(encode(Failed(FailureCode.OUT_OF_MEMORY, "the GPU is full")))
    connection.sendall(encode(Produced((), {"pid": os.getpid()})))
"""
TIMES = 20
MEMORY = 150_000_000
LIMITS = Limits(stall=Seconds(0.7))
IN_GROUP = ("sh", "-c", 'echo $$ > "$0" && exec "$@"')


class Torture:
    def __init__(self, command: tuple[str, ...] = ()) -> None:
        self.tag = f"3600.{uuid4().int}"
        self._command = (*command, sys.executable, "-c", CHILD, self.tag)
        self.slowest = 0.0
        self.undisturbed = 0

    @asynccontextmanager
    async def pool(self) -> AsyncIterator[ChildPool]:
        environ = {**os.environ, "PYTHONPATH": os.getcwd()}  # noqa: PTH109
        pool = ChildPool(self._command, PipelineSettings(), environ, (None, None), LIMITS)
        try:
            await pool.start()
            yield pool
        finally:
            await pool.close()

    async def run(self, way: str) -> list[Failed]:
        """Death after death, each followed by a task that goes well."""
        deaths = []
        async with self.pool() as pool:
            beside = asyncio.create_task(self._work_beside(pool))
            for _ in range(TIMES):
                outcome = await pool.run(task(way), ignore)
                assert isinstance(outcome, Failed)
                deaths.append(outcome)
                assert isinstance(await pool.run(task("text"), ignore), Produced)
            assert not beside.done(), beside.exception()
            beside.cancel()
            await asyncio.wait({beside})
        return deaths

    async def _work_beside(self, pool: ChildPool) -> None:
        while True:
            begun = time.monotonic()
            assert isinstance(await pool.run(task("text"), ignore), Produced)
            self.slowest = max(self.slowest, time.monotonic() - begun)
            self.undisturbed += 1
            await asyncio.sleep(0.005)

    def processes(self) -> list[psutil.Process]:
        return named(self.tag)


def assert_nobody_noticed(torture: Torture, deaths: list[Failed]) -> None:
    print(
        f"{len(deaths)} deaths ({deaths[0].message}), {torture.undisturbed} tasks beside them,"
        f" the slowest {torture.slowest * 1000:.0f} ms, {len(torture.processes())} processes left"
    )
    assert torture.processes() == []
    assert torture.undisturbed >= TIMES
    # A child that is new takes tens of milliseconds, on a box that others use too.
    assert torture.slowest < 2.0


@pytest.mark.parametrize(
    ("way", "code"),
    [
        ("kill", FailureCode.WORKER_CRASHED),
        ("segfault", FailureCode.WORKER_CRASHED),
        ("exit", FailureCode.WORKER_CRASHED),
        ("hang", FailureCode.WORKER_CRASHED),
        ("out of memory", FailureCode.OUT_OF_MEMORY),
    ],
)
async def test_a_place_whose_child_dies_again_and_again_disturbs_no_other(
    way: str, code: FailureCode
) -> None:
    torture = Torture()

    deaths = await torture.run(way)

    assert [death.code for death in deaths] == [code] * TIMES
    assert_nobody_noticed(torture, deaths)


async def test_a_child_that_the_kernel_kills_for_memory_is_told_from_one_that_was_killed() -> None:
    with memory_group(MEMORY) as procs:
        torture = Torture((*IN_GROUP, str(procs)))

        deaths = await torture.run("greed")

        assert_nobody_noticed(torture, deaths)
    assert [death.code for death in deaths] == [FailureCode.OUT_OF_MEMORY] * TIMES


async def test_children_that_die_at_every_task_are_replaced_more_and_more_slowly() -> None:
    torture = Torture()
    moments = []
    async with torture.pool() as pool:
        for _ in range(6):
            assert isinstance(await pool.run(task("kill"), ignore), Failed)
            moments.append(time.monotonic())

    # Two places, so every second death is in the same one: 0.1, then 0.2 s between them.
    assert moments[-1] - moments[0] > 2 * (0.1 + 0.2) / 2
    assert torture.processes() == []
