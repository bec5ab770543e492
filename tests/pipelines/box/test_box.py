"""What a box is given, what it gives back, and whose fault it says it was."""

import errno
import json
import resource
import signal
import subprocess
import sys
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from agent.model.ids import JsonObject
from agent.model.work import PipelineSettings
from agent.pipelines.box.confinement import ALL_WALLS, Walls, state
from agent.pipelines.box.running import Box, box_of
from agent.pipelines.errors import (
    EngineUnavailableError,
    MediaUnreadableError,
    PipelineError,
    TooLargeError,
)
from tests.pipelines.box.conftest import liar
from tests.processes import named


def test_a_file_is_read_and_what_is_left_lies_in_scratch(
    probe: Box, file: Path, scratch: Path
) -> None:
    told: list[float] = []

    result = probe.read("echo", file, scratch, {"language": "ß"}, on_told=told.append)

    assert result == {"text": "in the file", "arguments": {"language": "ß"}}
    assert (scratch / "copy.txt").read_text() == "in the file"
    assert told == [0.5]


def test_a_box_is_born_with_nothing_of_ours(
    probe: Box, file: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MORAG_TOKEN", "secret")
    monkeypatch.setenv("LC_CTYPE", "tr_TR.ISO-8859-9")

    found = probe.read("surroundings", file, scratch)

    environment = found["environment"]
    assert isinstance(environment, dict)
    assert "secret" not in environment.values()
    assert environment["LC_ALL"] == "C.UTF-8"
    assert {environment[name] for name in ("HOME", "TMPDIR", "XDG_CACHE_HOME")} == {str(scratch)}
    assert found["descriptors"] == 4
    assert found["folder"] == str(scratch)
    assert found["core"] == 0
    assert found["same_session"] is True


def test_what_an_earlier_box_has_left_is_not_imported(
    probe: Box, file: Path, scratch: Path
) -> None:
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    planted = scratch / ".local" / "lib" / version / "site-packages"
    planted.mkdir(parents=True)
    for module in (planted / "usercustomize.py", scratch / "json.py", scratch / "sitecustomize.py"):
        module.write_text("raise SystemExit('taken over before the walls were up')")

    assert probe.read("echo", file, scratch)["text"] == "in the file"


def test_threads_work(probe: Box, file: Path, scratch: Path) -> None:
    assert probe.read("work_with_threads", file, scratch) == {"heard": 8}


def test_a_box_with_a_gpu_may_do_what_a_driver_does(probe: Box, file: Path, scratch: Path) -> None:
    found = probe.read("name_a_thread", file, scratch, gpu=True)

    assert found == {"named": "cuda\n", "addresses": resource.RLIM_INFINITY}


def test_a_box_with_a_gpu_may_listen_as_cuda_does(probe: Box, file: Path, scratch: Path) -> None:
    assert probe.read("listen_locally", file, scratch, gpu=True) == {"listens": True}
    with pytest.raises(MediaUnreadableError, match="not permitted"):
        probe.read("listen_locally", file, scratch)


@pytest.mark.skipif(not state().landlock, reason="no Landlock here")
def test_a_box_without_one_may_not(probe: Box, file: Path, scratch: Path) -> None:
    with pytest.raises(MediaUnreadableError, match="Permission denied"):
        probe.read("name_a_thread", file, scratch)


def test_an_empty_file_needs_no_box(scratch: Path) -> None:
    empty = scratch / "empty"
    empty.touch()

    with pytest.raises(MediaUnreadableError, match="empty"):
        Box(command=("/no/such/program",)).read("echo", empty, scratch)


@pytest.mark.parametrize(
    ("number", "words", "kind", "said"),
    [
        (signal.SIGSEGV, "", MediaUnreadableError, "SIGSEGV"),
        (signal.SIGABRT, "free(): invalid pointer", MediaUnreadableError, "SIGABRT"),
        (signal.SIGABRT, "memory allocation of 9 bytes failed", TooLargeError, "MiB of memory"),
        (signal.SIGABRT, "what(): std::bad_alloc", TooLargeError, "MiB of memory"),
        (signal.SIGSEGV, "std::bad_alloc", MediaUnreadableError, "SIGSEGV"),
        (signal.SIGSYS, "", MediaUnreadableError, "SIGSYS"),
        (signal.SIGXCPU, "", TooLargeError, "takes more than 3600 s"),
        (signal.SIGXFSZ, "", TooLargeError, "writes more than 4096 MiB"),
        (signal.SIGRTMIN + 1, "", MediaUnreadableError, "signal 35"),
    ],
)
def test_a_crash_says_whose_fault_it_was(
    file: Path, scratch: Path, number: int, words: str, kind: type[PipelineError], said: str
) -> None:
    crash = f"""
import resource
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
os.write(2, {words!r}.encode())
signal.signal({int(number)}, signal.SIG_DFL)
os.kill(os.getpid(), {int(number)})
"""

    with pytest.raises(kind, match=said) as caught:
        liar(crash).read("any", file, scratch)
    assert type(caught.value) is kind


def test_a_library_that_aborts_inside_is_caught(probe: Box, file: Path, scratch: Path) -> None:
    ending: JsonObject = {
        "signal": int(signal.SIGABRT),
        "words": "memory allocation of 9 bytes failed",
    }

    with pytest.raises(TooLargeError):
        probe.read("end", file, scratch, ending)


@pytest.mark.parametrize(
    ("reader", "kind", "said"),
    [
        ("lack_library", EngineUnavailableError, "libGL"),
        ("find_no_number", MediaUnreadableError, "JSON compliant"),
    ],
)
def test_an_error_inside_is_the_right_one_outside(
    probe: Box, file: Path, scratch: Path, reader: str, kind: type[PipelineError], said: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        probe.read(reader, file, scratch)
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    ("number", "kind", "said"),
    [
        (errno.ENOENT, MediaUnreadableError, "the file cannot be read (as told)."),
        (errno.ENOMEM, TooLargeError, "reading this file takes more than 4096 MiB of memory."),
        (errno.EFBIG, TooLargeError, "reading this file writes more than 4096 MiB."),
        (errno.ENOSPC, MediaUnreadableError, "the file cannot be read (as told)."),
        (errno.EIO, MediaUnreadableError, "the file cannot be read (as told)."),
    ],
)
def test_what_the_system_says_inside_is_no_trouble_of_the_agents(
    file: Path, scratch: Path, number: int, kind: type[PipelineError], said: str
) -> None:
    answer = json.dumps({"errno": number, "text": "as told"})

    with pytest.raises(kind) as caught:
        liar(f"print({answer!r})").read("any", file, scratch)
    assert str(caught.value) == said
    assert list(scratch.iterdir()) == []


def test_an_error_of_the_system_crosses_the_pipe(probe: Box, file: Path, scratch: Path) -> None:
    arguments: JsonObject = {"errno": errno.ENOENT, "text": "No such file"}

    with pytest.raises(MediaUnreadableError, match="No such file"):
        probe.read("fail", file, scratch, arguments)


def test_a_disk_that_refuses_us_too_is_to_blame(tmp_path: Path, file: Path) -> None:
    """And the job goes back: what a box says of the disk is tried before it is believed."""
    scratch = tmp_path / "gone"
    scratch.mkdir()
    claim = f"""
os.rmdir({str(scratch)!r})
print('{{"errno": {errno.ENOSPC}, "text": "No space left"}}')
"""

    with pytest.raises(FileNotFoundError):
        liar(claim).read("any", file, scratch)


PARENT = """
import sys
from pathlib import Path
from tests.pipelines.box.conftest import probe_behind
from agent.pipelines.box.confinement import ALL_WALLS
from dataclasses import replace

probe = probe_behind(ALL_WALLS)
box = replace(probe, command=(*probe.command, sys.argv[1]))
box.read("wait", Path(sys.argv[2]), Path(sys.argv[3]), on_told=lambda _: print("reads", flush=True))
"""


def test_a_box_dies_with_whoever_asked(file: Path, scratch: Path) -> None:
    """However it dies, and walls or not."""
    tag = f"box-{uuid4().hex}"
    command = [sys.executable, "-c", PARENT, tag, str(file), str(scratch)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "reads\n"
        boxes = [process for process in named(tag) if process.pid != parent.pid]
        parent.kill()

    assert len(boxes) == 1
    _, alive = psutil.wait_procs(boxes, timeout=10)
    assert alive == []


def test_half_a_character_becomes_a_question_mark(probe: Box, file: Path, scratch: Path) -> None:
    assert probe.read("find_half_a_character", file, scratch) == {"text": "a?b"}


def test_a_reader_that_nobody_knows_is_our_fault(probe: Box, file: Path, scratch: Path) -> None:
    with pytest.raises(EngineUnavailableError, match=r"did not start.*'nobody'"):
        probe.read("nobody", file, scratch)


def test_a_box_that_cannot_start_is_not_the_files_fault(file: Path, scratch: Path) -> None:
    box = Box(command=(sys.executable, "-c", "raise SystemExit('no such module')"))

    with pytest.raises(EngineUnavailableError, match=r"exit status 1: no such module"):
        box.read("echo", file, scratch)


def test_the_setting_chooses_the_walls() -> None:
    assert box_of(PipelineSettings(sandbox="off")).walls == frozenset()
    assert box_of(PipelineSettings(sandbox="auto", threads=3)).threads == 3
    assert box_of(PipelineSettings(sandbox="auto")).walls == ALL_WALLS


def test_with_required_walls_a_box_without_them_reads_nothing(
    probe: Box, file: Path, scratch: Path
) -> None:
    box = Box(command=probe.command, walls=frozenset({"seccomp"}), is_required=True)

    with pytest.raises(EngineUnavailableError, match="seccomp, but no Landlock, and the setting"):
        box.read("echo", file, scratch)
    assert list(scratch.iterdir()) == []


@pytest.mark.parametrize(
    ("walls", "told"),
    [
        (Walls(7, seccomp=True), "Landlock (ABI 7) and seccomp"),
        (Walls(7), "Landlock (ABI 7), but no seccomp"),
        (Walls(0, seccomp=True), "seccomp, but no Landlock"),
        (Walls(), "neither Landlock nor seccomp"),
    ],
)
def test_walls_tell_what_holds(walls: Walls, told: str) -> None:
    assert str(walls) == told
    assert walls.are_whole is (told == "Landlock (ABI 7) and seccomp")
