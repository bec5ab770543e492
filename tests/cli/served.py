"""The embedded server as a person starts it, for the tests of the other verbs."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from agent.cli import main

LISTENING = re.compile(r"listening on (http://\S+:\d+), data in")


@dataclass(frozen=True, slots=True)
class Served:
    url: str
    data: Path
    process: subprocess.Popen[str]

    def token(self, *who: str) -> Path:
        """A new token in a file: `--client`, or `--agent`, `ID`."""
        file = self.data / f"{'-'.join(who).strip('-')}.token"
        if not file.exists():
            main(["token", "create", *who, "--data", str(self.data), "--out", str(file)])
        return file

    def as_client(self) -> list[str]:
        return ["--server-url", self.url, "--token-file", str(self.token("--client"))]

    def as_agent(self, agent_id: str) -> list[str]:
        token = self.token("--agent", agent_id)
        return ["--server-url", self.url, "--token-file", str(token), "--agent-id", agent_id]


def serve_command(data: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "agent", "serve", "--port", "0", "--data", str(data), *more]


@contextmanager
def served(data: Path, *more: str) -> Iterator[Served]:
    with subprocess.Popen(
        serve_command(data, "--log-level", "warning", *more),
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "HOME": str(data.parent)},
    ) as process:
        assert process.stdout is not None
        found = LISTENING.search(process.stdout.readline())
        assert found is not None
        try:
            yield Served(found[1], data, process)
        finally:
            process.terminate()
