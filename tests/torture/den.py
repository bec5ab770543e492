"""One embedded server and the agents that it is tortured with, in a folder that goes away."""

import asyncio
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import httpx

from agent.cli import main
from agent.server.app import create_app
from agent.server.queue.values import Numbers
from agent.server.serving import server_for
from agent.server.settings import ServerSettings
from agent.server.tokens import TokenKind, create_token
from tests.server.sockets import free_port
from tests.torture.nursery import Born, Entry, Fault, Nursery, wait_until

_ADDRESS = re.compile(r"listening on http://")


class Den:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.nursery = Nursery(folder)
        self.data = folder / "data"
        self.data.mkdir(mode=0o700)
        self._client_token = create_token(self.data, TokenKind.CLIENT)

    def serve(self, entry: Entry = main) -> Born:
        """The server, on the same port and data each time; ready for requests."""
        words = ["serve", "--data", str(self.data), "--port", str(self.port)]
        server = self.nursery.start("server", words, entry=entry)
        wait_until(
            "a server that listens",
            lambda: _ADDRESS.search(server.said()) or not server.is_alive,
        )
        assert server.is_alive, server.said()
        return server

    def agent(
        self, name: str, *words: str, level: str, entry: Entry = main, fault: Fault | None = None
    ) -> Born:
        """An agent; its spool and token are called after it."""
        token = self.folder / f"{name}.token"
        if not token.exists():
            token.touch(mode=0o600)
            token.write_text(create_token(self.data, TokenKind.AGENT, agent_id=name))
        return self.nursery.start(
            name,
            [
                "run",
                *("--agent-id", name),
                *("--token-file", str(token)),
                *("--server-url", self.url),
                *("--spool", str(self.spool(name))),
                *("--content-types", "text"),
                *("--slots", "1"),
                *("--no-gpu", "--log-level", level),
                *words,
            ],
            entry=entry,
            fault=fault,
        )

    def spool(self, name: str) -> Path:
        return self.folder / f"spool-{name}"

    def client(self) -> httpx.Client:
        return httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {self._client_token}"},
            timeout=30.0,
            trust_env=False,
        )


@contextmanager
def den_in(folder: Path) -> Iterator[Den]:
    den = Den(folder)
    try:
        yield den
    finally:
        den.nursery.close()


def serve_impatiently(words: Sequence[str]) -> int:
    """The embedded server with short rests: what was handed back may be had again at once."""
    given = dict(zip(words[1::2], words[2::2], strict=True))
    numbers = Numbers(rest_s=0.1, max_rest_s=0.1, retry_delay_s=0.1, elsewhere_s=0.1)
    app = create_app(ServerSettings(folder=Path(given["--data"]), numbers=numbers))
    server = server_for(app, "127.0.0.1", int(given["--port"]), log_level="warning")

    async def serving() -> None:
        running = asyncio.create_task(server.serve())
        while not server.started and not running.done():
            await asyncio.sleep(0.01)
        print("listening on http://127.0.0.1", flush=True)
        await running

    asyncio.run(serving())
    return 0
