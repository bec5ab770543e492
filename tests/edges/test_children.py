import asyncio
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from agent.edges.child import ChildLostError
from agent.edges.child_environment import child_environment
from agent.edges.children import ChildPool
from agent.edges.meter import Meter
from agent.edges.place import Limits
from agent.model.failures import FailureCode
from agent.model.ids import JsonObject, Seconds
from agent.model.restraint import Rung
from agent.model.stance import Stance, Step
from agent.model.work import Failed, PipelineSettings, Produced, Progress, Returned
from agent.ports import Pool
from tests.edges.tasks import ignore, task

pytestmark = pytest.mark.real_time

CHILD = """
import ctypes, os, signal, socket, subprocess, sys, time
from agent.model.failures import FailureCode
from agent.model.work import Failed, GoOn, Produced, Progress, Ready, SteppedBack, decode, encode
from agent.pipelines.guard import split_off_guard

split_off_guard()
connection = socket.socket(fileno=int(sys.argv[-1]))
frames = connection.makefile("rb")
settings = decode(frames.readline())
connection.sendall(encode(Ready(("text",))))
unreadable = encode(Failed(FailureCode.MEDIA_UNREADABLE, "bad"))
killed = encode(Failed(FailureCode.WORKER_CRASHED, "the decoder was killed"))
for line in frames:
    match decode(line).content_type:
        case "segfault": ctypes.string_at(0)
        case "kill": os.kill(os.getpid(), signal.SIGKILL)
        case "told to end": os.kill(os.getpid(), signal.SIGTERM); time.sleep(3600)
        case "exit": os._exit(0)
        case "say and die": os.write(2, b"x" * 100_000 + b"last words"); os.abort()
        case "hang":
            signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
            time.sleep(3600)
        case "hang with a grandchild":
            sleeper = subprocess.Popen(["sleep", "3600"])
            connection.sendall(encode(Progress(0.5, str(sleeper.pid))))
            time.sleep(3600)
        case "close": connection.shutdown(socket.SHUT_RDWR); connection.close(); time.sleep(3600)
        case "obey":
            for request in map(decode, frames):
                if isinstance(request, GoOn): break
                connection.sendall(encode(SteppedBack(request.number)))
                if request.number > 1: break
        case "wait again":
            decode(frames.readline()); decode(frames.readline())
            connection.sendall(encode(SteppedBack(1)))
            request = decode(frames.readline())
            time.sleep(0.3); connection.sendall(encode(SteppedBack(request.number)))
            frames.readline()
        case "die meanwhile":
            connection.sendall(encode(SteppedBack(decode(frames.readline()).number)))
            os.abort()
        case "wedged after":
            connection.sendall(encode(SteppedBack(decode(frames.readline()).number)))
            frames.readline(); time.sleep(3600)
        case "chatter": os.write(1, b"o" * 1_000_000); os.write(2, b"e" * 10_000_000)
        case "flood": connection.sendall(encode(Progress(0.5, "again")) * 50_000)
        case "oversize": connection.sendall(b"x" * 3_000_000)
        case "half": connection.sendall(b'{"produced": {'); os._exit(3)
        case "nonsense": connection.sendall(b"hello\\n")
        case "escape": connection.sendall(encode(Produced((("../../etc/passwd", "a/b"),), {})))
        case "ready": connection.sendall(encode(Ready(())))
        case "internal": connection.sendall(encode(Failed(FailureCode.INTERNAL, "a bug")))
        case "decoder killed":
            connection.sendall(encode(Progress(0.5, "decoding")))
            time.sleep(0.5); connection.sendall(killed); continue
        case "unreadable": connection.sendall(unreadable); continue
        case "twice": connection.sendall(unreadable)
    connection.sendall(encode(Produced((), {"pid": os.getpid(), "env": dict(os.environ)})))
"""
COMMAND = (sys.executable, "-c", CHILD)


@asynccontextmanager
async def new_pool(
    limits: Limits | None = None,
    command: tuple[str, ...] = COMMAND,
    environ: Mapping[str, str] = os.environ,
    devices: tuple[str | None, ...] = (None,),
    meter: Meter | None = None,
) -> AsyncIterator[ChildPool]:
    settings = PipelineSettings()
    pool = ChildPool(command, settings, environ, devices, limits or Limits(), meter=meter)
    try:
        yield pool
    finally:
        await pool.close()
        assert own_processes() == []


def own_processes() -> list[psutil.Process]:
    # Not the resource tracker and other residents of the test runner.
    return [p for p in psutil.Process().children(recursive=True) if CHILD in p.cmdline()]


def own_children() -> list[psutil.Process]:
    """The guards: one for each child."""
    return [p for p in psutil.Process().children() if CHILD in p.cmdline()]


async def summary_of(pool: ChildPool, content_type: str = "text") -> JsonObject:
    outcome = await pool.run(task(content_type), ignore)
    assert isinstance(outcome, Produced)
    return outcome.summary


async def crash_of(pool: ChildPool, content_type: str) -> Failed:
    outcome = await pool.run(task(content_type), ignore)
    assert isinstance(outcome, Failed)
    assert outcome.code is FailureCode.WORKER_CRASHED
    return outcome


async def wait_until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not is_so():
            await asyncio.sleep(0.01)


async def test_it_is_the_pool_that_the_loops_need() -> None:
    async with new_pool() as pool:
        needed: Pool = pool
        assert isinstance(await needed.run(task("text"), ignore), Produced)


async def test_the_same_child_does_task_after_task() -> None:
    async with new_pool() as pool:
        assert (await summary_of(pool))["pid"] == (await summary_of(pool))["pid"]


async def test_a_started_pool_says_what_it_can_do_and_is_warm() -> None:
    async with new_pool(devices=(None, None)) as pool:
        assert await pool.start() == ("text",)
        assert len(own_children()) == 2


async def test_a_warm_child_is_preferred_to_an_empty_place() -> None:
    async with new_pool(devices=("0", "1")) as pool:
        first = await asyncio.create_task(pool.run(task("text"), ignore))
        await crash_of(pool, "kill")
        both = [asyncio.create_task(pool.run(task("text"), ignore)) for _ in range(2)]
        for one in both:
            assert isinstance(await one, Produced)
        assert isinstance(first, Produced)
        assert len(own_children()) == 2


async def test_no_more_tasks_run_at_once_than_there_are_places() -> None:
    async with new_pool(devices=(None, None)) as pool:
        tasks = [asyncio.create_task(summary_of(pool)) for _ in range(6)]
        pids = {(await one)["pid"] for one in tasks}
        assert len(pids) == 2


async def test_a_child_that_a_shutdown_ends_fails_nobodys_job() -> None:
    async with new_pool() as pool:
        outcome = await pool.run(task("told to end"), ignore)

    assert outcome == Returned(
        "the worker was told to end (SIGTERM), and not by us", is_box_fault=False
    )


@pytest.mark.parametrize(
    ("way", "told"),
    [
        ("segfault", r"crashed \(SIGSEGV\)"),
        ("kill", r"killed \(SIGKILL\)"),
        ("exit", r"ended on its own \(exit status 0\)"),
        ("half", r"ended on its own \(exit status 3\)"),
        ("oversize", "more than 1048576 bytes"),
        ("nonsense", "nonsense"),
        ("escape", "nonsense"),
        ("ready", "out of turn"),
    ],
)
async def test_a_lost_child_is_explained_and_the_next_task_gets_a_new_one(
    way: str, told: str
) -> None:
    async with new_pool() as pool:
        first = (await summary_of(pool))["pid"]

        failed = await crash_of(pool, way)

        assert re.search(told, failed.message)
        assert not psutil.pid_exists(int(str(first)))
        assert (await summary_of(pool))["pid"] != first


async def test_a_child_that_only_closes_its_pipe_is_killed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.edges.child._DYING", 0.1)
    async with new_pool() as pool:
        assert "closed its pipe" in (await crash_of(pool, "close")).message
        assert own_children() == []


async def test_the_last_words_of_a_dead_child_are_kept_but_not_all_of_them() -> None:
    async with new_pool() as pool:
        failed = await crash_of(pool, "say and die")

    assert "(SIGABRT)" in failed.message
    assert "last words" in failed.detail
    assert len(failed.detail) <= 8 * 1024


async def test_a_child_that_stays_silent_is_given_up() -> None:
    async with new_pool(Limits(stall=Seconds(0.2))) as pool:
        assert "no sign of life for 0.2 s" in (await crash_of(pool, "hang")).message
        assert own_children() == []


async def test_cancelling_kills_a_child_that_ignores_signals_within_a_second() -> None:
    async with new_pool() as pool:
        await pool.start()
        running = asyncio.create_task(pool.run(task("hang"), ignore))
        await asyncio.sleep(0.1)

        begun = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert time.monotonic() - begun < 1
        assert own_children() == []


async def test_cancelling_twice_still_waits_for_the_death() -> None:
    async with new_pool() as pool:
        await pool.start()
        running = asyncio.create_task(pool.run(task("hang"), ignore))
        await asyncio.sleep(0.1)

        running.cancel()
        await asyncio.sleep(0)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert own_children() == []


async def test_cancelling_kills_what_the_child_started_too() -> None:
    heard: list[str] = []
    async with new_pool() as pool:
        running = asyncio.create_task(
            pool.run(
                task("hang with a grandchild"), lambda progress: heard.append(progress.message)
            )
        )
        await wait_until(lambda: bool(heard))
        assert psutil.pid_exists(int(heard[0]))

        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        await wait_until(lambda: not psutil.pid_exists(int(heard[0])))


async def test_without_a_guard_what_got_away_does_not_hold_up_a_cancel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.edges.child._SWEEPING", 0.2)
    monkeypatch.setattr("agent.edges.child._DYING", 0.2)
    unguarded = CHILD.replace("split_off_guard()\nconn", "conn")
    unguarded = unguarded.replace('"sleep",', '"setsid", "sleep",')
    heard: list[str] = []
    async with new_pool(command=(sys.executable, "-c", unguarded)) as pool:
        running = asyncio.create_task(
            pool.run(task("hang with a grandchild"), lambda said: heard.append(said.message))
        )
        await wait_until(lambda: bool(heard))

        begun = time.monotonic()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        taken = time.monotonic() - begun
        psutil.Process(int(heard[0])).kill()
        await asyncio.sleep(0.2)  # now its pipe is closed too

    assert taken < 3


async def test_cancelling_a_task_that_waits_for_a_place_disturbs_nobody() -> None:
    async with new_pool() as pool:
        first = (await summary_of(pool))["pid"]
        busy = asyncio.create_task(summary_of(pool, "chatter"))
        waiting = asyncio.create_task(summary_of(pool))
        await asyncio.sleep(0)
        waiting.cancel()

        assert (await busy)["pid"] == first
        assert (await summary_of(pool))["pid"] == first


async def test_chatter_on_both_outputs_disturbs_nothing() -> None:
    async with new_pool() as pool:
        await summary_of(pool, "chatter")


async def test_a_flood_of_progress_leaves_the_loop_to_others() -> None:
    longest = 0.0

    async def watch() -> None:
        nonlocal longest
        while True:
            begun = time.monotonic()
            await asyncio.sleep(0.001)
            longest = max(longest, time.monotonic() - begun)

    async with new_pool() as pool:
        await pool.start()
        watching = asyncio.create_task(watch())
        await summary_of(pool, "flood")
        watching.cancel()

    assert longest < 0.25


async def test_a_child_is_replaced_after_its_jobs() -> None:
    async with new_pool(Limits(jobs=2)) as pool:
        pids = [(await summary_of(pool))["pid"] for _ in range(4)]

    assert pids[0] == pids[1] != pids[2] == pids[3]


@pytest.mark.parametrize(("way", "is_replaced"), [("internal", True), ("unreadable", False)])
async def test_a_failure_that_may_have_broken_the_gpu_costs_the_child(
    way: str, *, is_replaced: bool
) -> None:
    async with new_pool() as pool:
        first = (await summary_of(pool))["pid"]
        assert isinstance(await pool.run(task(way), ignore), Failed)
        assert psutil.pid_exists(int(str(first))) is not is_replaced


async def test_a_child_that_died_while_idle_costs_no_task() -> None:
    async with new_pool() as pool:
        first = int(str((await summary_of(pool))["pid"]))
        psutil.Process(first).kill()
        await asyncio.sleep(0.1)

        assert (await summary_of(pool))["pid"] != first


async def test_a_second_outcome_of_one_task_is_never_taken_for_that_of_the_next() -> None:
    async with new_pool() as pool:
        first = (await summary_of(pool))["pid"]
        await pool.run(task("twice"), ignore)
        await asyncio.sleep(0.1)

        assert (await summary_of(pool))["pid"] != first


async def test_a_command_that_does_not_exist_is_a_crash_and_not_an_exception() -> None:
    async with new_pool(command=("/no/such/program",)) as pool:
        assert "cannot be started" in (await crash_of(pool, "text")).message


async def test_a_child_that_dies_at_its_start_is_tried_again_after_longer_and_longer_pauses() -> (
    None
):
    command = (sys.executable, "-c", "raise SystemExit('no engine')")
    async with new_pool(command=command) as pool:
        begun = time.monotonic()
        details = [(await crash_of(pool, "text")).detail for _ in range(4)]

    assert details[0] == "no engine\n"
    assert time.monotonic() - begun > 0.1 + 0.2 + 0.4


async def test_a_child_that_dies_at_every_task_is_started_after_longer_and_longer_pauses() -> None:
    async with new_pool() as pool:
        begun = time.monotonic()
        for _ in range(4):
            await crash_of(pool, "kill")
        slow = time.monotonic() - begun
        await summary_of(pool)
        await crash_of(pool, "kill")
        begun = time.monotonic()
        await summary_of(pool)

    assert slow > 0.1 + 0.2 + 0.4
    assert time.monotonic() - begun < 0.8  # the last pause would have been 1.6 s


async def test_a_pause_counts_from_the_death_not_from_the_next_task(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.edges.place._FIRST_PAUSE", 1.0)
    async with new_pool() as pool:
        await crash_of(pool, "kill")
        await asyncio.sleep(1.0)
        begun = time.monotonic()
        await summary_of(pool)

    assert time.monotonic() - begun < 0.9


async def test_a_place_that_waits_is_the_last_to_be_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.edges.place._FIRST_PAUSE", 5.0)
    async with new_pool(devices=("0", "1")) as pool:
        await crash_of(pool, "kill")
        begun = time.monotonic()
        await summary_of(pool)

    assert time.monotonic() - begun < 4


async def test_a_pool_that_rests_has_no_idle_children_and_leaves_the_busy_ones_their_task() -> None:
    async with new_pool(devices=("0", "1")) as pool:
        await pool.start()
        busy = asyncio.create_task(summary_of(pool, "chatter"))
        await asyncio.sleep(0)

        await pool.rest()
        during = len(own_children())
        await busy
        after = len(own_children())
        broken = await pool.probe()

        assert (during, after, broken) == (1, 0, None)
        assert len(own_children()) == 2


async def test_a_probe_tells_why_no_child_can_be_brought_up() -> None:
    async with new_pool(command=("/no/such/program",)) as pool:
        told = await pool.probe()

    assert told is not None
    assert "cannot be started" in told


async def test_a_frugal_task_gets_a_fresh_child_and_the_memory_of_its_neighbours() -> None:
    frugal = replace(task("text"), is_frugal=True)
    async with new_pool(devices=("0", "0", "1")) as pool:
        await pool.start()
        before = {child.pid for child in own_children()}
        outcome = await pool.run(frugal, ignore)
        after = {child.pid for child in own_children()}

    assert isinstance(outcome, Produced)
    assert len(before & after) == 1  # the one on the other GPU
    assert len(after - before) == 1


async def test_a_decoder_that_the_kernel_killed_for_memory_is_told_from_one_that_was_killed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    vmstat = tmp_path / "vmstat"
    vmstat.write_text("oom_kill 1\n")
    monkeypatch.setattr("agent.edges.oom_kills._counters", lambda *_: [vmstat])

    def count_one_more(_progress: Progress) -> None:
        vmstat.write_text("oom_kill 2\n")

    async with new_pool() as pool:
        killed = await pool.run(task("decoder killed"), ignore)
        full = await pool.run(task("decoder killed"), count_one_more)

    assert isinstance(killed, Failed)
    assert isinstance(full, Failed)
    assert killed.code is FailureCode.WORKER_CRASHED
    assert full.code is FailureCode.OUT_OF_MEMORY


async def test_a_child_that_never_gets_ready_is_given_up() -> None:
    command = (sys.executable, "-c", "import time; time.sleep(3600)")
    async with new_pool(Limits(start=Seconds(0.3)), command) as pool:
        with pytest.raises(ChildLostError, match="no sign of life"):
            await pool.start()


async def test_a_child_that_is_not_ready_first_is_no_child() -> None:
    early = CHILD.replace('Ready(("text",))', 'Progress(0.5, "already")')
    async with new_pool(command=(sys.executable, "-c", early)) as pool:
        assert "before it was ready" in (await crash_of(pool, "text")).message


async def test_a_child_that_takes_no_task_is_given_up() -> None:
    deaf = CHILD.replace("for line in frames:", "time.sleep(3600)\nfor line in frames:")
    big = replace(task("text"), options={"x": "x" * 900_000})
    async with new_pool(Limits(stall=Seconds(0.2)), (sys.executable, "-c", deaf)) as pool:
        outcome = await pool.run(big, ignore)

    assert isinstance(outcome, Failed)
    assert "took no task within 0.2 s" in outcome.message


async def test_a_child_that_dies_while_it_is_given_a_task_is_explained() -> None:
    rude = CHILD.replace("for line in frames:", "frames.read(1000); os._exit(7)\nfor line in []:")
    big = replace(task("text"), options={"x": "x" * 900_000})
    async with new_pool(command=(sys.executable, "-c", rude)) as pool:
        outcome = await pool.run(big, ignore)

    assert isinstance(outcome, Failed)
    assert "exit status 7" in outcome.message


async def test_a_closed_pool_has_no_children_and_may_start_again() -> None:
    async with new_pool() as pool:
        await pool.start()
        await pool.close()
        assert own_children() == []
        await summary_of(pool)


async def test_a_child_sees_its_device_and_no_secret() -> None:
    secret = {
        "MORAG_AGENT_TOKEN": "s3cret",
        "HF_TOKEN": "s3cret",
        "AWS_SECRET_ACCESS_KEY": "s3cret",
    }
    async with new_pool(environ={**os.environ, **secret}, devices=("GPU-7",)) as pool:
        seen = (await summary_of(pool))["env"]

    assert isinstance(seen, dict)
    assert seen["CUDA_VISIBLE_DEVICES"] == "GPU-7"
    assert "s3cret" not in seen.values()


def test_the_environment_is_offline_unless_downloads_are_allowed() -> None:
    environ = {"PATH": "/bin", "HTTPS_PROXY": "http://user:pw@proxy", "UNRELATED": "1"}

    offline = child_environment(environ, PipelineSettings(threads=3))
    online = child_environment(environ, PipelineSettings(allow_download=True))

    assert offline["HF_HUB_OFFLINE"] == "1"
    assert offline["OMP_NUM_THREADS"] == "3"
    assert offline["PATH"] == "/bin"
    assert not {"HTTPS_PROXY", "UNRELATED"} & offline.keys()
    assert "HF_HUB_OFFLINE" not in online
    assert "HTTPS_PROXY" in online


async def test_a_task_that_is_cancelled_at_any_step_leaves_no_child_behind() -> None:
    async with new_pool() as pool:
        await pool.start()
        for steps in range(20):
            running = asyncio.create_task(pool.run(task("hang"), ignore))
            for _ in range(steps):
                await asyncio.sleep(0)
            running.cancel()
            await asyncio.wait({running})


PAUSE = Stance({None: Step(Rung.PAUSE, "a game")})


async def started(pool: ChildPool, content_type: str) -> "asyncio.Task[object]":
    await pool.start()
    running = asyncio.create_task(pool.run(task(content_type), ignore))
    await asyncio.sleep(0.1)
    return running


async def test_while_a_child_waits_nobody_expects_a_sign_of_life() -> None:
    async with new_pool(Limits(stall=Seconds(0.5))) as pool:
        running = await started(pool, "obey")
        await pool.stand(PAUSE)
        await asyncio.sleep(1.0)
        assert not running.done()
        await pool.stand(Stance())
        assert isinstance(await running, Produced)


async def test_a_job_that_waits_has_no_gpu() -> None:
    meter = Meter()
    async with new_pool(devices=("0",), meter=meter) as pool:
        running = await started(pool, "obey")
        await pool.stand(Stance({"0": Step(Rung.PAUSE, "a game")}))
        meter.take(task("obey").job_id)
        await asyncio.sleep(0.3)
        assert meter.take(task("obey").job_id).seconds == 0.0
        await pool.stand(Stance())
        assert isinstance(await running, Produced)

    assert meter.take(task("obey").job_id).seconds > 0.0


async def test_a_child_that_does_not_go_on_is_given_up() -> None:
    async with new_pool(Limits(stall=Seconds(0.5))) as pool:
        running = await started(pool, "wedged after")
        await pool.stand(PAUSE)
        await pool.stand(Stance())
        outcome = await running

    assert isinstance(outcome, Failed)
    assert "no sign of life for 0.5 s" in outcome.message


async def test_the_answer_to_an_older_request_is_not_taken_for_that_to_the_latest() -> None:
    async with new_pool() as pool:
        running = await started(pool, "wait again")
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await pool.stand(PAUSE)
        with suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await pool.stand(Stance())
        begun = time.monotonic()
        await pool.stand(PAUSE)
        assert time.monotonic() - begun > 0.2
        await pool.stand(Stance())
        assert isinstance(await running, Produced)


async def test_a_child_that_dies_while_it_waits_is_explained() -> None:
    async with new_pool() as pool:
        running = await started(pool, "die meanwhile")
        await pool.stand(PAUSE)
        outcome = await running

    assert isinstance(outcome, Failed)
    assert "SIGABRT" in outcome.message


async def test_idle_children_of_a_gpu_that_is_left_are_ended() -> None:
    async with new_pool(devices=("0", "1")) as pool:
        await pool.start()
        await pool.stand(Stance({"0": Step(Rung.PAUSE, "a game")}))
        assert len(own_children()) == 1
        await pool.stand(Stance({"0": Step(Rung.TAKE_NOTHING, "hours")}))
        await pool.start()
        assert len(own_children()) == 1
        await pool.stand(Stance())
        await pool.start()
        assert len(own_children()) == 2


async def test_a_child_whose_task_ends_after_all_is_ended_too() -> None:
    async with new_pool() as pool:
        running = await started(pool, "decoder killed")
        await pool.stand(PAUSE)
        assert isinstance(await running, Failed)
        await wait_until(lambda: own_children() == [])


async def test_a_task_that_waited_for_a_place_goes_on_before_its_child_speaks() -> None:
    heard: list[Progress] = []
    async with new_pool() as pool:
        await pool.stand(PAUSE)
        waiting = asyncio.create_task(pool.run(task("text"), heard.append))
        await wait_until(lambda: bool(heard))
        await pool.stand(Stance())
        await waiting

    assert [one.is_paused for one in heard] == [True, False]


async def test_a_task_whose_child_is_not_ready_yet_waits_for_its_place() -> None:
    slow = CHILD.replace("settings = decode", "time.sleep(0.5); settings = decode")
    async with new_pool(command=(sys.executable, "-c", slow)) as pool:
        running = asyncio.create_task(pool.run(task("text"), ignore))
        await asyncio.sleep(0)
        await pool.stand(PAUSE)
        assert not running.done()
        await pool.stand(Stance())
        assert isinstance(await running, Produced)


async def test_a_child_that_ignores_all_signals_is_dead_within_five_seconds() -> None:
    async with new_pool() as pool:
        running = await started(pool, "hang")
        begun = time.monotonic()
        await pool.stand(PAUSE)
        taken = time.monotonic() - begun
        assert own_children() == []

    assert await running == Returned("yielded: a game", is_box_fault=False)
    print(f"dead after {taken:.2f} s")
    assert taken < 5.5  # on a loaded machine


async def test_cancelling_a_task_that_waits_kills_its_child() -> None:
    async with new_pool() as pool:
        running = await started(pool, "obey")
        await pool.stand(PAUSE)
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        assert own_children() == []


async def test_a_task_is_handed_back_for_the_reason_that_held_then() -> None:
    async with new_pool() as pool:
        running = await started(pool, "hang")
        await pool.stand(Stance({None: Step(Rung.HAND_BACK, "a game")}))
        await pool.stand(Stance())

        assert await running == Returned("yielded: a game", is_box_fault=False)
