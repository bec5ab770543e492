import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from agent.cli import main
from agent.cli.exit_codes import ExitCode
from agent.cli.processes import Stop, StoppedError, VerbFailedError, Verbs, environment

SPEECH = Path(__file__).parents[2] / "docs" / "demo" / "speech.ogg"
PATIENCE = 60.0


@dataclass
class Demo:
    """A demo whose folder lies in `folder`, so that all of its processes can be found."""

    folder: Path
    environ: dict[str, str] = field(default_factory=dict)

    def start(self, file: Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "agent", "demo", str(file)],
            env={**os.environ, "TMPDIR": str(self.folder), **self.environ},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def processes(self) -> list[str]:
        """Those that work in the folder, or were told of it, whoever started them."""
        return [words for _, words in self._ours()]

    def _ours(self) -> Iterator[tuple[psutil.Process, str]]:
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                words = " ".join(process.cmdline())
                told = (process.cwd(), words, process.environ().get("TMPDIR", ""))
                if any(str(self.folder) in text for text in told):
                    yield process, words

    def leaves_nothing(self) -> bool:
        return self.processes() == [] and list(self.folder.iterdir()) == []

    def end_all(self) -> None:
        for process, _ in self._ours():
            process.kill()


@pytest.fixture
def demo(tmp_path: Path) -> Iterator[Demo]:
    folder = tmp_path / "demo"
    folder.mkdir()
    demo = Demo(folder)
    yield demo
    demo.end_all()


def wait_until_it_computes(demo: Demo, running: "subprocess.Popen[str]") -> None:
    deadline = time.monotonic() + PATIENCE
    wanted = ("agent serve", "agent run", "agent submit", "agent.pipelines.child")
    while not all(any(words in one for one in demo.processes()) for words in wanted):
        assert running.poll() is None
        assert time.monotonic() < deadline, demo.processes()
        time.sleep(0.05)


@pytest.mark.slow
def test_a_demo_that_is_done_leaves_nothing_behind(demo: Demo) -> None:
    said, complaints = (running := demo.start(SPEECH)).communicate(timeout=PATIENCE)

    assert running.returncode == 0, complaints
    assert "I ask the server for work" in said
    assert demo.leaves_nothing()


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_demo_that_is_told_to_end_leaves_nothing_behind(
    demo: Demo, number: signal.Signals
) -> None:
    running = demo.start(SPEECH)
    wait_until_it_computes(demo, running)
    began = time.monotonic()

    running.send_signal(number)
    _, complaints = running.communicate(timeout=PATIENCE)

    assert running.returncode == ExitCode.INTERRUPTED
    assert complaints.endswith("stopped; nothing of it is left\n")
    assert demo.leaves_nothing()
    assert time.monotonic() - began < 10.0


@pytest.mark.slow
def test_a_demo_of_a_file_without_sound_says_so_once_and_leaves_nothing_behind(
    demo: Demo, tmp_path: Path
) -> None:
    broken = tmp_path / "broken.mp3"
    broken.write_text("no sound")

    _, complaints = (running := demo.start(broken)).communicate(timeout=PATIENCE)

    assert running.returncode == ExitCode.NO
    assert "media_unreadable" in complaints
    assert "offer.received" not in complaints
    assert demo.leaves_nothing()


@pytest.mark.slow
def test_the_demo_does_not_meet_the_owners_settings_or_proxies(demo: Demo, home: Path) -> None:
    own = home / ".config" / "morag-agent" / "config.toml"
    own.parent.mkdir(parents=True)
    own.write_text("[agent\n")
    demo.environ = {"http_proxy": "http://127.0.0.1:9", "MORAG_AGENT_SLOTS": "none"}

    running = demo.start(SPEECH)
    _, complaints = running.communicate(timeout=PATIENCE)

    assert running.returncode == 0, complaints


def test_a_file_that_is_not_there_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["demo", str(tmp_path / "none.mp3")]) == ExitCode.NO_INPUT
    assert "cannot read" in capsys.readouterr().err


def test_settings_and_proxies_do_not_reach_the_verbs() -> None:
    ours = {"PATH": "/bin", "HOME": "/home/me"}
    theirs = {"MORAG_AGENT_SERVER_URL": "x", "HTTP_PROXY": "x", "ALL_PROXY": "x", "no_proxy": "x"}

    assert environment(ours | theirs) == ours | {"MORAG_AGENT_CONFIG": os.devnull}


def test_a_verb_that_fails_is_told_with_what_it_said(tmp_path: Path) -> None:
    with pytest.raises(VerbFailedError, match=r"`token` ended with 64: error: whose token\?"):
        Verbs(tmp_path, Stop()).done("token", "create")


def test_who_waits_for_a_process_that_has_gone_is_told(tmp_path: Path) -> None:
    verbs = Verbs(tmp_path, Stop())

    with verbs.started("agent.log", "config") as agent:
        agent.wait()
        with pytest.raises(VerbFailedError, match="the agent ended before the job did"):
            verbs.watched(agent, "serve", "--port", "0", "--data", str(tmp_path / "data"))


def test_a_signal_between_two_processes_starts_no_third(tmp_path: Path) -> None:
    stop = Stop()
    stop.note(signal.SIGTERM, None)

    with pytest.raises(StoppedError):
        Verbs(tmp_path, stop).done("config")
