"""`demo`: the whole thing on one machine, in a folder that is gone afterwards.

It starts the verbs that people use, as processes of their own: a server, an agent, a submission.
"""

import os
import re
import subprocess
import sys
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from agent.cli.exit_codes import ExitCode, NoInputError
from agent.cli.verbs import Call
from agent.model.errors import AgentError

PATIENCE = 30.0
"""Seconds for the server to come up: far more than it needs, on a machine far busier than usual."""
LOOK_EVERY = 0.05
AGENT_ID = "demo"
_ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+")


class DemoError(AgentError):
    """One of the processes of the demo did not do its part."""


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("file", type=Path, metavar="FILE", help="a sound file with speech")


def run(call: Call) -> int:
    file: Path = call.arguments.file
    if not file.is_file():
        raise NoInputError(f"there is no file {file}")
    started = time.monotonic()
    with TemporaryDirectory(prefix="morag-demo-") as name:
        text = _transcribe(file.absolute(), Path(name))
    print(f"\n{text.strip()}\n")
    _step(f"done in {time.monotonic() - started:.1f} s")
    return ExitCode.OK


def _transcribe(file: Path, folder: Path) -> str:
    data = ("--data", str(folder / "server"))
    _verb(folder, "token", "create", "--agent", AGENT_ID, "--out", "agent.token", *data)
    _verb(folder, "token", "create", "--client", "--out", "client.token", *data)
    with _started(folder, "server.log", "serve", "--port", "0", *data) as server:
        url = _address(server, folder / "server.log")
        _step(f"a server listens at {url}")
        agent = _agent(url)
        with _started(folder, "agent.log", *agent) as worker:
            _step("an agent polls it")
            _step(f"{file.name} goes in, its transcript comes out")
            _watched(
                folder,
                worker,
                *("submit", str(file), "--content-type", "audio", "--wait", "--out", "results"),
                *("--server-url", url, "--token-file", "client.token"),
            )
    found = next((folder / "results").rglob("transcript.md"))
    return found.read_text(encoding="utf-8")


def _agent(url: str) -> tuple[str, ...]:
    return (
        *("run", "--agent-id", AGENT_ID, "--server-url", url, "--token-file", "agent.token"),
        *("--spool", "spool", "--content-types", "audio,text", "--slots", "1"),
    )


def _step(words: str) -> None:
    print(f"· {words}", file=sys.stderr, flush=True)


def _verb(folder: Path, *words: str) -> None:
    done = subprocess.run(  # noqa: S603 (our own verbs)
        _command(words),
        cwd=folder,
        env=_environment(folder),
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise DemoError(f"`{words[0]}` ended with {done.returncode}: {done.stderr}")


def _watched(folder: Path, agent: subprocess.Popen[bytes], *words: str) -> None:
    """Run a verb whose output people see, for as long as the agent that it waits for lives."""
    verb = subprocess.Popen(  # noqa: S603 (our own verbs)
        _command(words), cwd=folder, env=_environment(folder), stdout=subprocess.DEVNULL
    )
    while verb.poll() is None:
        if agent.poll() is not None:
            verb.kill()
        time.sleep(LOOK_EVERY)
    if verb.returncode:
        raise DemoError(f"`{words[0]}` ended with {verb.returncode}; the agent said the above")


@contextmanager
def _started(folder: Path, log: str, *words: str) -> Iterator[subprocess.Popen[bytes]]:
    with (folder / log).open("wb") as output:
        process = subprocess.Popen(  # noqa: S603 (our own verbs)
            _command(words),
            cwd=folder,
            env=_environment(folder),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    except BaseException:
        print((folder / log).read_text(errors="replace"), file=sys.stderr)
        raise
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _address(server: subprocess.Popen[bytes], log: Path) -> str:
    deadline = time.monotonic() + PATIENCE
    while server.poll() is None and time.monotonic() < deadline:
        found = _ADDRESS.search(log.read_text(errors="replace"))
        if found:
            return found[0]
        time.sleep(0.05)
    raise DemoError("the server did not come up")


def _command(words: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "agent", *words]


def _environment(folder: Path) -> dict[str, str]:
    """Ours without the owner's settings: the demo must not reach a real server."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("MORAG_")}
    return kept | {"XDG_CONFIG_HOME": str(folder / "config")}
