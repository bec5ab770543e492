"""The verbs that talk to a running agent, against a socket with a desk behind it."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli import main
from agent.cli.exit_codes import ExitCode
from agent.edges.control_socket import ControlSocket
from agent.model.control import AskDrain, AskPause, AskResume
from agent.model.ids import Seconds
from agent.model.snapshot import HeldBack, HeldLine, Snapshot
from tests.fakes.desk import FakeDesk
from tests.snapshots import BUSY, IDLE, NOON, PAUSED

OWN = HeldBack(
    source="owner", rung="take_nothing", why="paused by its owner", ends_in=Seconds(7200.0)
)


PAUSED_BY_OTHERS = replace(PAUSED, restraints=PAUSED.restraints[1:])


@contextmanager
def agent_at(spool: Path, snapshot: Snapshot) -> Iterator[FakeDesk]:
    """A socket on that spool for as long as the block lasts."""
    spool.mkdir(exist_ok=True)
    desk, is_up, is_over = FakeDesk(snapshot), threading.Event(), threading.Event()

    async def serve() -> None:
        async with ControlSocket(spool, desk).open():
            is_up.set()
            while not is_over.is_set():
                await asyncio.sleep(0.01)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    try:
        assert is_up.wait(10.0)
        yield desk
    finally:
        is_over.set()
        thread.join()


@pytest.fixture
def spool(tmp_path: Path) -> Path:
    return tmp_path / "spool"


def test_status_shows_the_agent(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with agent_at(spool, IDLE):
        assert main(["status", "--spool", str(spool)]) == 0

    assert "idle      the waiting jobs are not for us" in capsys.readouterr().out


def test_status_is_for_programs_too(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with agent_at(spool, BUSY):
        assert main(["status", "--json", "--spool", str(spool)]) == 0

    told = json.loads(capsys.readouterr().out)
    assert (told["agent_id"], told["at"]) == ("attic-3090", NOON)
    assert told["held"][0]["job_id"] == "a5d70a7faaea6c66ecc55b99"
    assert told["gpus"][0]["memory_total"] == 24 * 10**9


def test_what_the_agent_holds_is_listed_without_a_server(
    spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with agent_at(spool, BUSY):
        assert main(["jobs", "--held", "--spool", str(spool)]) == 0
        listed = capsys.readouterr().out
        assert main(["jobs", "--held", "--json", "--spool", str(spool)]) == 0

    assert "a5d70a7faaea6c66ecc55b99" in listed
    assert "processing 62%" in listed
    assert [job["attempt"] for job in json.loads(capsys.readouterr().out)] == [1, 2]


def test_a_list_of_nothing_says_so(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with agent_at(spool, IDLE):
        assert main(["jobs", "--held", "--spool", str(spool)]) == 0

    assert capsys.readouterr().out == "it holds no job\n"


@pytest.mark.parametrize(
    ("words", "ask", "held", "said"),
    [
        ([], AskPause(), (), "paused until `python -m agent resume`; it holds no job"),
        (["--for", "2h"], AskPause(lasts=7200.0), BUSY.held[:1], "it finishes 1 job first"),
        (
            ["--free-gpu"],
            AskPause(free_gpu=True),
            BUSY.held,
            "computing stops, and 2 jobs may be handed back after a minute",
        ),
    ],
)
def test_pause_says_until_when_and_what_becomes_of_the_jobs(
    spool: Path,
    capsys: pytest.CaptureFixture[str],
    words: list[str],
    ask: AskPause,
    held: tuple[HeldLine, ...],
    said: str,
) -> None:
    own = OWN if ask.lasts else replace(OWN, ends_in=None)
    with agent_at(spool, replace(BUSY, held=held, restraints=(own,))) as desk:
        assert main(["pause", *words, "--spool", str(spool)]) == 0

    assert desk.done == [ask]
    assert said in capsys.readouterr().out


def test_a_pause_that_is_over_before_it_is_noted_says_so(
    spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with agent_at(spool, PAUSED_BY_OTHERS):
        assert main(["pause", "--for", "1s", "--spool", str(spool)]) == 0

    assert capsys.readouterr().out == (
        "the pause is over already: it ended before it was noted on the disk\n"
    )


def test_pause_until_a_time_names_the_next_one(spool: Path) -> None:
    with agent_at(spool, replace(IDLE, restraints=(OWN,))) as desk:
        assert main(["pause", "--until", "18:00", "--spool", str(spool)]) == 0

    (ask,) = desk.done
    assert isinstance(ask, AskPause)
    assert ask.until is not None
    assert ask.until % 60 == 0


@pytest.mark.parametrize(
    "words",
    [["--for", "long"], ["--until", "25:00"], ["--for", "1h", "--until", "18:00"]],
)
def test_a_pause_without_sense_is_refused_before_anybody_is_asked(words: list[str]) -> None:
    assert main(["pause", *words]) == ExitCode.USAGE


def test_a_moment_that_has_passed_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["pause", "--until", "2020-01-01T00:00"]) == ExitCode.USAGE
    assert "that moment has passed" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("snapshot", "said"),
    [
        (IDLE, "it takes work again"),
        (BUSY, "not paused any more, but draining: drained by its owner"),
        (PAUSED, "not paused by you any more, but still held back: paused by its owner; quiet"),
    ],
)
def test_resume_says_what_still_stands_in_the_way(
    spool: Path, capsys: pytest.CaptureFixture[str], snapshot: Snapshot, said: str
) -> None:
    with agent_at(spool, snapshot) as desk:
        assert main(["resume", "--spool", str(spool)]) == 0

    assert desk.done == [AskResume()]
    assert capsys.readouterr().out.startswith(said)


def test_drain_says_what_comes_first(spool: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with agent_at(spool, BUSY) as desk:
        assert main(["drain", "--spool", str(spool)]) == 0

    assert desk.done == [AskDrain()]
    assert capsys.readouterr().out == "it takes nothing new, and ends after 2 jobs\n"


@pytest.mark.parametrize(
    "words", [["status"], ["pause"], ["resume"], ["drain"], ["jobs", "--held"]]
)
def test_without_an_agent_there_is_one_sentence_and_a_code_of_its_own(
    spool: Path, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    assert main([*words, "--spool", str(spool)]) == ExitCode.NO_AGENT

    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"error: no agent runs on the spool {spool}")


@pytest.mark.parametrize("every", ["0", "0.1", "x", "nan", "1e9"])
def test_a_watch_that_is_too_eager_is_refused(every: str) -> None:
    assert main(["status", "--watch", "--every", every]) == ExitCode.USAGE


def test_held_takes_no_id(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["jobs", "j1", "--held"]) == ExitCode.USAGE
    assert "leave out the id" in capsys.readouterr().err


def test_a_job_that_was_never_here_has_no_lines(
    spool: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["logs", "j1", "--spool", str(spool)]) == ExitCode.NO_INPUT
    assert "the agent never had it" in capsys.readouterr().err
