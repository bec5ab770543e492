"""The real child, in a process of its own, under the real pool."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import time
import wave
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Thread

import psutil
import pytest

from agent.edges.children import ChildPool
from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.restraint import Rung
from agent.model.stance import Stance, Step
from agent.model.work import (
    MAX_FRAME,
    BadFrameError,
    Failed,
    PipelineSettings,
    Produced,
    Progress,
    Ready,
    Task,
    decode,
    encode,
)
from agent.pipelines.child import send_outcome, serve
from agent.pipelines.frames import Frames
from agent.pipelines.models.holdings import holdings, holdings_folder
from agent.pipelines.models.search import TINY_PACKAGE, package_folder
from tests.pipelines.conftest import MakeTask
from tests.pipelines.models.fake_hub import FakeHub, serving
from tests.speech import FOX, LETTER, MARKET, say, word_error_rate

pytestmark = pytest.mark.real_time

COMMAND = (sys.executable, "-m", "agent.pipelines.child")
FFMPEG_LOADED = 30e6
"""Bytes of memory; a decoder that has so much is past its first lines."""
SETTINGS = PipelineSettings(engine="faster-whisper", model="tiny.en", device="cpu", threads=2)

PARENT = """
import asyncio, os, sys
from agent.edges.children import ChildPool
from agent.model.work import PipelineSettings, Task

async def main():
    flag, module, source, output = sys.argv[1:]
    pool = ChildPool([sys.executable, flag, module], PipelineSettings(), os.environ)
    task = Task(
        job_id="j", content_type="audio", input=source, filename="a.wav", media_type=None,
        output=output, options={},
    )
    await pool.run(task, lambda progress: None)

asyncio.run(main())
"""


@asynccontextmanager
async def new_pool(
    settings: PipelineSettings = SETTINGS, environ: Mapping[str, str] | None = None
) -> AsyncIterator[ChildPool]:
    pool = ChildPool(COMMAND, settings, {**os.environ, **(environ or {})})
    try:
        yield pool
    finally:
        await pool.close()


def ignore(_progress: Progress) -> None:
    pass


def ours(module: str) -> list[psutil.Process]:
    """Processes below this one that run `module`."""
    below = psutil.Process().children(recursive=True)
    return [process for process in below if _runs(process, module)]


def _runs(process: psutil.Process, module: str) -> bool:
    return is_alive(process) and process.cmdline()[1:3] == ["-m", module]


def is_alive(process: psutil.Process) -> bool:
    return process.is_running() and process.status() != psutil.STATUS_ZOMBIE


def worker() -> psutil.Process:
    """The one below its guard, which runs the same command."""
    both = ours("agent.pipelines.child")
    (found,) = (process for process in both if process.ppid() in {other.pid for other in both})
    return found


def wait_for(found: Callable[[], bool], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not found():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def long_recording(path: Path, hours: int) -> Path:
    """Silence that takes no room on the disk and seconds to decode."""
    frames = hours * 3600 * 16_000
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, frames, "NONE", ""))
        file.writeframesraw(b"\0\0")
        with path.open("r+b") as raw:
            raw.truncate(44 + 2 * frames)
        file._datawritten = 2 * frames  # type: ignore[attr-defined]
    return path


async def test_a_text_job_right_after_the_start_waits_for_no_model(
    tmp_path: Path, make_task: MakeTask
) -> None:
    source = tmp_path / "note.txt"
    source.write_text("A short note.")

    begun = time.monotonic()
    async with new_pool() as pool:
        assert {"audio", "document", "text"} <= set(await pool.start())
        ready = time.monotonic() - begun
        outcome = await pool.run(make_task("text", source), ignore)
        done = time.monotonic() - begun
        memory = worker().memory_info().rss / 1e6

    assert isinstance(outcome, Produced)
    print(
        f"ready after {ready * 1000:.0f} ms, text done after {done * 1000:.0f} ms, {memory:.0f} MB"
    )
    assert done < 5
    assert memory < 80  # numpy, ctranslate2 or torch would show


async def test_speech_is_transcribed_twice_by_one_warm_child(
    fox: Path, make_task: MakeTask
) -> None:
    task = make_task("audio", fox)
    steps: list[Progress] = []
    async with new_pool() as pool:
        first = await pool.run(task, steps.append)
        loads = [step.message for step in steps].count("loading model")
        second = await pool.run(task, steps.append)

    assert isinstance(first, Produced)
    assert isinstance(second, Produced)
    assert loads == [step.message for step in steps].count("loading model") == 1
    heard = (Path(task.output) / "transcript.txt").read_text()
    assert word_error_rate(FOX, heard) < 0.2


async def test_what_is_wrong_with_a_task_comes_back_as_a_failure(
    tmp_path: Path, make_task: MakeTask
) -> None:
    fake = tmp_path / "song.mp3"
    fake.write_text("no song " * 100)
    async with new_pool() as pool:
        outcome = await pool.run(make_task("audio", fake), ignore)

    assert outcome == Failed(
        FailureCode.MEDIA_UNREADABLE, "the file is broken, or no audio or video that we know."
    )


async def test_a_surprise_comes_back_as_internal(tmp_path: Path, make_task: MakeTask) -> None:
    async with new_pool() as pool:
        outcome = await pool.run(make_task("text", tmp_path / "missing"), ignore)

    assert isinstance(outcome, Failed)
    assert outcome.code is FailureCode.INTERNAL
    assert outcome.message.startswith("FileNotFoundError: ")
    assert "Traceback" in outcome.detail


async def test_cancelling_while_it_decodes_kills_the_decoder_too(
    tmp_path: Path, make_task: MakeTask
) -> None:
    task = make_task("audio", long_recording(tmp_path / "long.wav", hours=10))
    async with new_pool() as pool:
        running = asyncio.create_task(pool.run(task, ignore))
        while not ours("agent.pipelines.box.boxed"):
            await asyncio.sleep(0.01)

        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

        assert not ours("agent.pipelines.child")
        wait_for(lambda: not ours("agent.pipelines.box.boxed"))


def test_an_agent_that_is_killed_leaves_no_orphan(tmp_path: Path) -> None:
    source = long_recording(tmp_path / "long.wav", hours=10)
    parent = subprocess.Popen([sys.executable, "-c", PARENT, *COMMAND[1:], source, tmp_path])
    wait_for(lambda: bool(ours("agent.pipelines.box.boxed")))
    children, (decoder,) = ours("agent.pipelines.child"), ours("agent.pipelines.box.boxed")
    wait_for(lambda: decoder.memory_info().rss > FFMPEG_LOADED)
    decoder.suspend()  # now neither of them would notice a closed pipe

    parent.kill()
    parent.wait()

    try:
        wait_for(lambda: not any(map(is_alive, (decoder, *children))), seconds=2)
    finally:
        for process in (decoder, *children):
            with suppress(psutil.Error):
                process.kill()


@pytest.mark.parametrize("first", [b"", b'{"progress": {"fraction": 0, "message": ""}}\n'])
def test_a_child_whose_parent_has_gone_or_talks_nonsense_ends(first: bytes) -> None:
    here, there = socket.socketpair()
    with here, there:
        child = subprocess.Popen([*COMMAND, str(there.fileno())], pass_fds=[there.fileno()])
        there.close()
        here.sendall(first)
        here.shutdown(socket.SHUT_WR)
        assert child.wait(10) == 0


def test_task_after_task_is_answered_on_the_same_pipe(tmp_path: Path, make_task: MakeTask) -> None:
    source = tmp_path / "note.txt"
    source.write_text("A short note.")
    good = make_task("text", source)
    here, there = socket.socketpair()
    with here, there:
        for frame in (SETTINGS, good, replace(good, options={"x": 1}), replace(good, input="/no")):
            here.sendall(encode(frame))
        here.shutdown(socket.SHUT_WR)
        serve(there, tmp_path / "children")
        there.shutdown(socket.SHUT_WR)
        frames = [decode(line) for line in here.makefile("rb")]

    ready, *outcomes = [frame for frame in frames if not isinstance(frame, Progress)]
    assert isinstance(ready, Ready)
    assert {"audio", "document", "text"} <= set(ready.content_types)
    assert isinstance(outcomes[0], Produced)
    codes = [outcome.code for outcome in outcomes[1:] if isinstance(outcome, Failed)]
    assert codes == [FailureCode.OPTIONS_INVALID, FailureCode.INTERNAL]


def test_frames_that_arrive_in_pieces_are_put_together() -> None:
    frame = encode(SETTINGS)
    here, there = socket.socketpair()
    with here, there:
        frames = Frames(there)
        assert not frames.is_due(Seconds(0))
        here.sendall(frame[:10])
        assert frames.is_due(Seconds(0))
        here.sendall(frame[10:] + frame)

        assert frames.take() == frames.take() == SETTINGS
        here.sendall(b"half a frame")
        here.shutdown(socket.SHUT_WR)
        with pytest.raises(BadFrameError, match="closed within a line"):
            frames.take()


def test_a_line_without_end_is_not_read_for_ever() -> None:
    here, there = socket.socketpair()
    with here, there:
        sending = Thread(target=here.sendall, args=(b"x" * (MAX_FRAME + 1),))
        sending.start()
        with pytest.raises(BadFrameError, match="more than"):
            Frames(there).take()
        sending.join()


async def test_an_idle_child_gives_its_memory_back_and_loads_again_when_it_has_to(
    fox: Path, make_task: MakeTask, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    task = make_task("audio", fox)
    impatient = replace(SETTINGS, idle_unload_min=1 / 60, diarization=False)
    async with new_pool(impatient) as pool:
        await pool.run(task, ignore)
        (shown,) = holdings(holdings_folder())
        loaded = worker().memory_info().rss / 1e6
        wait_for(lambda: holdings(holdings_folder())[0].held == ())
        freed = worker().memory_info().rss / 1e6
        again = await pool.run(task, ignore)
        assert holdings(holdings_folder())[0].held == shown.held

    print(f"{loaded:.0f} MB with {shown.held[0]}, {freed:.0f} MB without")
    assert shown.held == ("tiny.en (faster-whisper, cpu, int8)",)
    assert freed < loaded - 40
    assert isinstance(again, Produced)


async def test_a_job_fetches_its_model_where_the_owner_allows_it(
    fox: Path, make_task: MakeTask, tmp_path: Path
) -> None:
    package = package_folder(TINY_PACKAGE)
    assert package is not None
    shipped = {file.name: file.read_bytes() for file in (package / "model").iterdir()}
    allowed = replace(
        SETTINGS, model="small.en", models_folder=str(tmp_path / "models"), allow_download=True
    )
    steps: list[str] = []
    with serving(FakeHub(shipped, cuts=[30_000_000])) as hub:
        async with new_pool(allowed, {"HF_ENDPOINT": hub.url}) as pool:
            outcome = await pool.run(
                make_task("audio", fox), lambda step: steps.append(step.message)
            )

    assert isinstance(outcome, Produced)
    assert outcome.summary["model"] == "small.en"
    assert hub.ranges == [None, "bytes=30000000-"]
    assert steps.index("downloading small.en, 50 %") < steps.index("testing the engine")


def test_an_outcome_that_cannot_cross_the_pipe_is_a_failure() -> None:
    here, there = socket.socketpair()
    with here, there:
        send_outcome(there, Produced((), {"real_time_factor": float("nan")}))
        there.shutdown(socket.SHUT_WR)
        (outcome,) = [decode(line) for line in here.makefile("rb")]

    assert isinstance(outcome, Failed)
    assert outcome.message.startswith("the outcome cannot be sent")


def test_what_libraries_print_stays_out_of_the_way() -> None:
    code = (
        "import os; from agent.pipelines.parentage import silence_stdout;"
        "kept = silence_stdout(); os.write(1, b'noise'); os.write(kept, b'frame')"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert (ended.stdout, ended.stderr) == (b"frame", b"noise")


PAUSE = Stance({None: Step(Rung.PAUSE, "a game")})


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the tests, several may run on this machine at a time."""
    monkeypatch.setattr("agent.edges.place._SAFE_POINT", 60.0)


@dataclass(frozen=True)
class Used:
    memory: float
    seconds: float

    @classmethod
    def by(cls, process: psutil.Process) -> "Used":
        return cls(process.memory_info().rss / 1e6, process.cpu_times().user)


@pytest.mark.usefixtures("patient")
async def test_a_paused_transcription_gives_its_memory_back_and_hears_the_same(
    tmp_path: Path, make_task: MakeTask
) -> None:
    talk = say(f"{MARKET} {LETTER}", tmp_path / "talk.wav")
    task = make_task("audio", talk, temperature=0.0)  # else a window may be decoded by dice
    heard: list[Progress] = []
    async with new_pool(replace(SETTINGS, diarization=False, topics=False)) as pool:
        await pool.run(task, ignore)
        plain, process = transcript(task), worker()
        running = asyncio.create_task(pool.run(task, heard.append))
        while not heard or heard[-1].message != "transcribing":
            await asyncio.sleep(0.002)

        before = Used.by(process)
        await pool.stand(PAUSE)
        begun = Used.by(process)
        await asyncio.sleep(0.5)
        ended = Used.by(process)
        assert not running.done()
        await pool.stand(Stance())
        assert isinstance(await running, Produced)
        assert worker().pid == process.pid

    print(f"{before.memory:.0f} MB with the model, {ended.memory:.0f} MB while it waits")
    assert transcript(task) == plain
    assert ended.memory < before.memory - 30
    assert ended.seconds - begun.seconds < 0.1
    assert [step.is_paused for step in heard].count(True) == 1
    assert [step.fraction for step in heard] == sorted(step.fraction for step in heard)


def transcript(task: Task) -> object:
    return json.loads((Path(task.output) / "transcript.json").read_text())["segments"]


@pytest.mark.usefixtures("patient")
async def test_a_box_that_is_being_read_stands_still_and_is_read_to_its_end(
    tmp_path: Path, make_task: MakeTask
) -> None:
    task = make_task("audio", long_recording(tmp_path / "long.wav", hours=2))
    async with new_pool() as pool:
        running = asyncio.create_task(pool.run(task, ignore))
        while not ours("agent.pipelines.box.boxed"):
            await asyncio.sleep(0.01)
        await pool.stand(PAUSE)
        (box,) = ours("agent.pipelines.box.boxed")
        wait_for(lambda: box.status() == psutil.STATUS_STOPPED)
        assert not running.done()

        await pool.stand(Stance())
        outcome = await running

    # It is read to the end, where nobody has spoken.
    assert isinstance(outcome, Failed)
    assert outcome.code is FailureCode.MEDIA_UNREADABLE
    assert "silent" in outcome.message


async def test_a_task_is_stopped_at_a_safe_point_and_its_models_stay_warm(
    fox: Path, make_task: MakeTask
) -> None:
    task = make_task("audio", fox)
    heard: list[str] = []
    async with new_pool(replace(SETTINGS, diarization=False)) as pool:
        await pool.run(task, ignore)
        warm = worker().pid
        outcome = await pool.run(replace(task, stop_after=Seconds(0.01)), ignore)
        again = await pool.run(task, lambda progress: heard.append(progress.message))
        assert worker().pid == warm

    assert outcome == Failed(FailureCode.TIMEOUT, "not done within 0.01 s of computing.")
    assert isinstance(again, Produced)
    assert "loading model" not in heard
