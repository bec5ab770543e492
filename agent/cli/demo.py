"""`demo`: the whole thing on one machine, in a folder that is gone afterwards.

It starts the verbs that people use, as processes of their own: a server, an agent, a submission.
"""

import re
import sys
import time
from argparse import ArgumentParser
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.cli.exit_codes import ExitCode
from agent.cli.inputs import size_of
from agent.cli.processes import Process, Stop, StoppedError, VerbFailedError, Verbs, noted_signals
from agent.cli.reporting import sentences
from agent.cli.verbs import Call
from agent.edges.display import in_words, printable

PATIENCE = 30.0
"""Seconds for the server to come up: far more than it needs, on a machine far busier than usual."""
AGENT_ID = "demo"
STOP_GRACE_S = "2"
"""Nobody waits for what a stopped demo has half done."""
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a sound file with speech")


def run(call: Call) -> int:
    file: Path = call.arguments.file
    size_of(file)
    started = time.monotonic()
    try:
        with noted_signals() as stop, TemporaryDirectory(prefix="morag-demo-") as name:
            text = _transcribe(file.absolute(), Path(name), stop)
    except StoppedError:
        _step("stopped; nothing of it is left")
        return ExitCode.INTERRUPTED
    except VerbFailedError as error:
        for sentence in sentences(error):
            print(f"error: {sentence}", file=sys.stderr)
        return error.code
    print(f"\n{text.strip()}\n")
    _step(f"done in {in_words(time.monotonic() - started)}")
    return ExitCode.OK


def _transcribe(file: Path, folder: Path, stop: Stop) -> str:
    verbs = Verbs(folder, stop)
    data = ("--data", str(folder / "server"))
    verbs.done("token", "create", "--agent", AGENT_ID, "--out", "agent.token", *data)
    verbs.done("token", "create", "--client", "--out", "client.token", *data)
    with verbs.started("server.log", "serve", "--port", "0", *data) as server:
        url = _address(server, folder / "server.log", stop)
        _step(f"a server listens at {url}")
        with verbs.started("agent.log", *_agent(url)) as agent:
            _step("an agent polls it")
            _step(f"{file.name} goes in, its transcript comes out")
            verbs.watched(agent, *_submission(file, url))
    found = next((folder / "results").rglob("transcript.md"))
    return found.read_text(encoding="utf-8")


def _agent(url: str) -> tuple[str, ...]:
    return (
        *("run", "--agent-id", AGENT_ID, "--server-url", url, "--token-file", "agent.token"),
        *("--spool", "spool", "--content-types", "audio,text", "--slots", "1"),
        *("--stop-grace-s", STOP_GRACE_S),
    )


def _submission(file: Path, url: str) -> tuple[str, ...]:
    return (
        *("submit", str(file), "--content-type", "audio", "--wait", "--out", "results"),
        *("--server-url", url, "--token-file", "client.token"),
    )


def _step(words: str) -> None:
    print(f"· {printable(words)}", file=sys.stderr, flush=True)


def _address(server: Process, log: Path, stop: Stop) -> str:
    deadline = time.monotonic() + PATIENCE

    def found() -> "re.Match[str] | None":
        return _ADDRESS.search(log.read_text(errors="replace"))

    stop.wait_for(lambda: found() or server.poll() is not None or time.monotonic() > deadline)
    if (address := found()) and server.poll() is None:
        return address[0]
    raise VerbFailedError("the server did not come up")
