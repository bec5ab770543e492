"""A box that was taken over says whatever it likes; none of it harms us or holds us up."""

import json
import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import psutil
import pytest

from agent.model.ids import Seconds
from agent.pipelines.box import listening
from agent.pipelines.box.ending import Ending, died
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.running import Box
from agent.pipelines.errors import (
    DecoderKilledError,
    EngineUnavailableError,
    MediaUnreadableError,
    NoAudioTrackError,
    PipelineError,
    TooLargeError,
)
from tests.pipelines.box.conftest import liar
from tests.processes import named

QUICK = Limits(stall=Seconds(0.4))
ANSWER = 'print(\'{"result": {"true": 1}}\', flush=True)\n'
RESULT = {"true": 1}
FOREVER = "while True: time.sleep(3600)\n"


@pytest.fixture
def tag() -> Iterator[str]:
    """A word on the command line of whatever a box leaves behind."""
    tag = f"3600.{uuid4().int}"
    yield tag
    for process in named(tag):
        with suppress(psutil.Error):
            process.kill()


def left_behind(tag: str) -> list[psutil.Process]:
    """What lives on, once the kernel has had its time; the dead may be buried late."""
    deadline = time.monotonic() + 5
    while alive := [process for process in named(tag) if not _is_dead(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return alive


def _is_dead(process: psutil.Process) -> bool:
    try:
        return bool(process.status() == psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return True


def saying(words: str) -> Box:
    return liar(f"sys.stdout.write({words!r})\n")


@pytest.mark.parametrize(
    "words",
    [
        "garbage\n",
        "\n",
        "\0\x1b[2J\n",
        "[]\n",
        "null\n",
        '"result"\n',
        '{"result": []}\n',
        '{"result": null}\n',
        '{"result": {"n": NaN}}\n',
        '{"result": {"n": -Infinity}}\n',
        '{"result": {"n": 1e999}}\n',
        '{"result": {"text": "\\ud800"}}\n',
        '{"result": {"n": ' + "9" * 5000 + "}}\n",
        '{"result": {"n": ' + "[" * 100_000 + "\n",
        '{"errno": "1"}\n',
        '{"errno": true}\n',
        '{"refused": {}, "kind": []}\n',
        '{"at": 1}\n',
        '{"at": "half"}\n',
        '{"result": {"true": 1}}',
        "",
    ],
)
def test_what_is_no_answer_is_no_result(file: Path, scratch: Path, words: str) -> None:
    with pytest.raises(MediaUnreadableError):
        saying(words).read("any", file, scratch)


def test_what_comes_after_the_answer_is_not_heard(file: Path, scratch: Path) -> None:
    script = ANSWER + "print('{\"result\": {}}' * 9, flush=True); os.kill(os.getpid(), 9)"

    assert liar(script).read("any", file, scratch) == RESULT


def test_a_box_that_lives_on_after_its_answer_is_ended(file: Path, scratch: Path, tag: str) -> None:
    assert liar(ANSWER + FOREVER + f"# {tag}").read("any", file, scratch) == RESULT
    assert not left_behind(tag)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ("\x1b]0;title\x07line\nline", "]0;title line line"),
        ("x" * 100_000, "x" * 1000),
        ("\u202eevil", "evil"),
    ],
)
def test_its_reasons_are_short_and_plain(
    file: Path, scratch: Path, told: str, message: str
) -> None:
    answer = json.dumps({"refused": told})

    with pytest.raises(MediaUnreadableError) as caught:
        saying(answer + "\n").read("any", file, scratch)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("told", "kind"),
    [
        ("TooLargeError", TooLargeError),
        ("NoAudioTrackError", NoAudioTrackError),
        ("EngineUnavailableError", EngineUnavailableError),
        ("GpuUnavailableError", MediaUnreadableError),
        ("DecoderKilledError", MediaUnreadableError),
        ("SystemExit", MediaUnreadableError),
        (["TooLargeError"], MediaUnreadableError),
        (None, MediaUnreadableError),
    ],
)
def test_its_errors_are_those_of_a_reader(
    file: Path, scratch: Path, told: object, kind: type[PipelineError]
) -> None:
    with pytest.raises(kind) as caught:
        saying(json.dumps({"refused": "so.", "kind": told}) + "\n").read("any", file, scratch)
    assert type(caught.value) is kind


def test_output_without_end_is_cut_off(
    file: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "MAX_LINE", 1_000_000)

    with pytest.raises(TooLargeError, match="over 0 MiB"):
        liar("while True: sys.stdout.write('x' * 65536)").read("any", file, scratch)


def test_signs_of_life_without_end_are_cut_off(
    file: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listening, "MAX_OUTPUT", 100_000)
    told: list[float] = []

    with pytest.raises(TooLargeError):
        liar("while True: print('{\"at\": 0.5}')").read("any", file, scratch, on_told=told.append)
    assert 0 < len(told) < 10_000


def test_chatter_without_end_is_no_sign_of_life(file: Path, scratch: Path) -> None:
    with pytest.raises(MediaUnreadableError, match="stood still"):
        liar("while True: os.write(2, b'x' * 65536)").read("any", file, scratch, limits=QUICK)


def test_chatter_does_not_hold_up_an_answer(file: Path, scratch: Path) -> None:
    script = "os.write(2, b'x' * 1_000_000)\n" + ANSWER

    assert liar(script).read("any", file, scratch) == RESULT


@pytest.mark.parametrize("byte", ["", "x", "\\n"])
def test_standing_still_is_noticed(file: Path, scratch: Path, byte: str) -> None:
    """Bytes that never make a line, too."""
    script = f"while True: sys.stdout.write('{byte}'); sys.stdout.flush(); time.sleep(0.05)"

    with pytest.raises(MediaUnreadableError):
        liar(script).read("any", file, scratch, limits=QUICK)


def test_signs_of_life_do_not_hold_off_the_end(file: Path, scratch: Path) -> None:
    script = "while True: print('{\"at\": 0.5}', flush=True); time.sleep(0.05)"

    with pytest.raises(TooLargeError, match="longer than 1 s"):
        liar(script).read("any", file, scratch, limits=Limits(wall=Seconds(1.0)))


def test_an_output_that_is_closed_ends_a_box_that_is_not(
    file: Path, scratch: Path, tag: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("agent.pipelines.box.running._LAST_WORDS", 0.3)
    script = f"os.close(1)\n{FOREVER}# {tag}"

    with pytest.raises(MediaUnreadableError, match="its process did not"):
        liar(script).read("any", file, scratch)
    assert not left_behind(tag)


def test_signals_are_no_way_to_stay(file: Path, scratch: Path, tag: str) -> None:
    script = f"""
signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
signal.signal(signal.SIGTERM, signal.SIG_IGN)
{FOREVER}# {tag}"""

    with pytest.raises(MediaUnreadableError, match="stood still"):
        liar(script).read("any", file, scratch, limits=QUICK)
    assert not left_behind(tag)


def test_children_of_a_box_end_with_it(file: Path, scratch: Path, tag: str) -> None:
    """Where there is no seccomp, it can have some; they hold its output open as well."""
    script = f"""
for _ in range(3):
    if not os.fork():
        os.fork()
        os.execlp("sleep", "sleep", "{tag}")
time.sleep(0.2)
{ANSWER}"""

    assert liar(script).read("any", file, scratch) == RESULT
    assert not left_behind(tag)


def test_children_that_hold_on_to_its_output_do_not_hold_us(
    file: Path, scratch: Path, tag: str
) -> None:
    script = f"if not os.fork(): os.execlp('sleep', 'sleep', '{tag}')\ntime.sleep(0.1)"

    with pytest.raises(MediaUnreadableError, match="stood still"):
        liar(script).read("any", file, scratch, limits=QUICK)
    assert not left_behind(tag)


def test_a_fork_bomb_is_put_out(file: Path, scratch: Path, tag: str) -> None:
    """One of 64 processes: the test shares its machine."""
    script = f"""
for _ in range(6): os.fork()
{FOREVER}# {tag}"""

    with pytest.raises(MediaUnreadableError, match="stood still"):
        liar(script).read("any", file, scratch, limits=QUICK)
    assert not left_behind(tag)


def test_killed_from_outside_it_is_nobodys_fault(file: Path, scratch: Path) -> None:
    with pytest.raises(DecoderKilledError):
        liar("os.kill(os.getpid(), signal.SIGKILL)").read("any", file, scratch)


def test_killed_for_its_time_it_is_the_files_fault() -> None:
    """The kernel's last word to a box that blocks SIGXCPU is SIGKILL as well."""
    limits = Limits(cpu=Seconds(10.0))
    killed = Ending(exit_status=-signal.SIGKILL, last_words=b"", cpu=Seconds(9.99), limits=limits)

    assert str(died(killed)) == "reading this file takes more than 10 s."
    assert isinstance(died(killed), TooLargeError)
    assert isinstance(died(replace(killed, cpu=Seconds(5.0))), DecoderKilledError)


def test_whoever_listens_may_give_up(file: Path, scratch: Path, tag: str) -> None:
    def give_up(_: float) -> None:
        raise KeyboardInterrupt

    script = f"print('{{\"at\": 0.5}}', flush=True)\n{FOREVER}# {tag}"

    with pytest.raises(KeyboardInterrupt):
        liar(script).read("any", file, scratch, on_told=give_up)
    assert not left_behind(tag)


def test_no_descriptor_is_left_open(file: Path, scratch: Path) -> None:
    liar(ANSWER).read("any", file, scratch)
    before = sorted(os.listdir("/proc/self/fd"))  # noqa: PTH208 - names only

    for script in (ANSWER, "", "os.close(1); os.close(2)"):
        with suppress(MediaUnreadableError):
            liar(script).read("any", file, scratch)

    assert sorted(os.listdir("/proc/self/fd")) == before  # noqa: PTH208
