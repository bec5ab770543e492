"""A real Redis, a server, bridges, and a caller that knows nothing of us, all on loopback."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx
import redis
from celery import Celery

from agent.server.tokens import TokenKind, create_token
from tests.celery_bridge.ports import free_port
from tests.end_to_end.house import House, Running, house_in, wait_until
from tests.server.world import AgentSide

UNACKED = "morag-agent.unacked"
QUEUES = ("gpu_priority", "gpu_fallback")


class Broker(Protocol):
    @property
    def url(self) -> str: ...

    def left(self) -> int:
        """Messages that nobody has taken, or acknowledged."""
        ...


@dataclass
class RedisServer:
    """Its data outlives it: what was written before it ended is there when it comes again."""

    folder: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        words = ["--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(self.folder)]
        words += ["--appendonly", "yes", "--save", ""]
        self.process = subprocess.Popen(["redis-server", *words], stdout=subprocess.DEVNULL)
        wait_until(self.answers, "an answer of Redis")

    def answers(self) -> bool:
        with suppress(redis.ConnectionError), self.client() as client:
            return bool(client.ping())
        return False

    @contextmanager
    def client(self) -> "Iterator[redis.Redis]":
        client = redis.Redis(host="127.0.0.1", port=self.port)
        try:
            yield client
        finally:
            client.close()

    def left(self) -> int:
        with self.client() as client:
            return sum(int(client.llen(queue)) for queue in QUEUES) + int(client.hlen(UNACKED))

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()


@contextmanager
def redis_in(folder: Path) -> Iterator[RedisServer]:
    server = RedisServer(folder)
    server.start()
    try:
        yield server
    finally:
        server.kill()


@contextmanager
def plain_app(broker: str, backend: str) -> Iterator[Celery]:
    """What MoRAG has: an app with no tasks of its own."""
    app = Celery("morag", broker=broker, backend=backend)
    try:
        yield app
    finally:
        app.backend.result_consumer.stop()
        app.pool.force_close_all()
        app.close()


@dataclass
class Yard:
    house: House
    redis: RedisServer
    """Has the results, and unless there is another broker the tasks too."""
    broker: Broker
    app: Celery
    words: tuple[str, ...] = ()
    """What each bridge is given."""

    @property
    def inputs(self) -> Path:
        return self.house.folder / "inputs"

    def write(self, name: str, text: str) -> str:
        self.inputs.mkdir(exist_ok=True)
        file = self.inputs / name
        file.write_text(text)
        return str(file)

    def remove(self, name: str) -> None:
        (self.inputs / name).unlink()

    @property
    def bridges(self) -> list[Running]:
        return [one for one in self.house.started if one.output.name.startswith("bridge")]

    def bridge(self, *words: str, **environ: str) -> Running:
        urls = {
            "MORAG_AGENT_CELERY_BROKER_URL": self.broker.url,
            "MORAG_AGENT_CELERY_RESULT_URL": self.redis.url,
            **environ,
        }
        running = self.house.start("bridge", [*self.bridge_words(), *self.words, *words], urls)
        running.wait_for("bridge.ready")
        return running

    def bridge_words(self) -> list[str]:
        return [
            "celery-bridge",
            *("--server-url", self.house.server_url),
            *("--token-file", str(self.house.folder / "client.token")),
            *("--celery-input-folders", str(self.inputs)),
        ]

    def hand(self, agent_id: str) -> AgentSide:
        """An agent that does what the test says, when it says it."""
        token = create_token(self.house.data, TokenKind.AGENT, agent_id=agent_id)
        http = httpx.AsyncClient(
            base_url=self.house.server_url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=20,
            limits=httpx.Limits(max_keepalive_connections=0),  # each test has a loop of its own
        )
        return AgentSide(http, agent_id, types=("text", "audio"))

    def jobs(self) -> list[dict[str, object]]:
        with self.house.client() as client:
            answer: httpx.Response = client.get("/v1/jobs", params={"limit": 200})
        found: list[dict[str, object]] = answer.json()["jobs"]
        return found

    def held(self) -> int:
        """Messages that a bridge has, and has not acknowledged."""
        with self.redis.client() as client:
            return int(client.hlen(UNACKED))


@contextmanager
def yard_in(folder: Path, *words: str, broker: Broker | None = None) -> Iterator[Yard]:
    """With Redis and server, but without a bridge."""
    with (
        redis_in(folder / "redis") as server,
        plain_app((broker or server).url, server.url) as app,
        house_in(folder) as house,
    ):
        house.serve()
        yard = Yard(house, server, broker or server, app, words)
        yard.inputs.mkdir()
        yield yard
