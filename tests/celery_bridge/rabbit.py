"""A real RabbitMQ of our own: its node, its files and its port are nobody else's."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from kombu import Connection

from tests.celery_bridge.ports import free_port
from tests.end_to_end.house import wait_until

PROGRAMS = Path("/usr/lib/rabbitmq/bin")
"""Not those on the path: they change the user."""


@dataclass
class RabbitServer:
    folder: Path
    port: int = field(default_factory=free_port)
    names_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"amqp://guest:guest@127.0.0.1:{self.port}//"

    @property
    def environ(self) -> dict[str, str]:
        return {
            **os.environ,
            "HOME": str(self.folder),
            "RABBITMQ_NODENAME": f"yard{self.port}@localhost",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self.port + 1),
            "RABBITMQ_BASE": str(self.folder),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "mnesia"),
            "RABBITMQ_LOG_BASE": str(self.folder / "log"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "ERL_EPMD_PORT": str(self.names_port),
        }

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        words = [str(PROGRAMS / "rabbitmq-server")]
        self.process = subprocess.Popen(words, env=self.environ, stdout=subprocess.DEVNULL)
        wait_until(self.answers, "an answer of RabbitMQ")

    def answers(self) -> bool:
        with suppress(OSError), Connection(self.url, connect_timeout=2) as connection:
            connection.connect()
            return True
        return False

    def left(self) -> int:
        """Messages in all queues, whether a bridge has them or nobody."""
        words = [str(PROGRAMS / "rabbitmqctl"), "list_queues", "--quiet", "name", "messages"]
        told = subprocess.run(
            words, env=self.environ, capture_output=True, text=True, check=True
        ).stdout
        counts = dict(line.split("\t") for line in told.splitlines() if line.startswith("gpu_"))
        return sum(int(count) for count in counts.values())

    def end(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait()
        # What gives Erlang's nodes their names stays behind otherwise.
        words = ["epmd", "-port", str(self.names_port), "-kill"]
        subprocess.run(words, stdout=subprocess.DEVNULL, check=False)


@contextmanager
def rabbit_in(folder: Path) -> Iterator[RabbitServer]:
    server = RabbitServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.end()
