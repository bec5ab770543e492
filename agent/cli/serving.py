"""Binds the port, says where, and serves; needs the packages of the extra `server`."""

import errno
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from uvicorn import Config

from agent.config import Settings
from agent.model.errors import ConfigError, ServerUnavailableError, SpoolError
from agent.server.app import create_app
from agent.server.serving import GracefulServer, server_for
from agent.server.settings import MoragSettings, ServerSettings
from agent.server.store.schema import ForeignFolderError, SchemaError
from agent.server.store.store import FolderInUseError
from agent.server.tokens import list_tokens

BACKLOG = 2048
"""Connections that wait to be accepted: a fleet comes back all at once."""
MINUTE = 60.0
DAY = 24 * 3600.0


class _Stoppable(GracefulServer):
    def __init__(self, config: Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        # Only now do signals stop us in an orderly way: who reads the line may send one.
        self._on_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal is how one stops us, so it does not become our exit status; twice means now."""
        del sig, frame
        self.force_exit = self.should_exit
        self.should_exit = True


async def serve(settings: Settings) -> None:
    """Until a signal. Raises what a person can do something about as an `AgentError`."""
    folder = settings.serve_data
    app = create_app(server_settings(settings))
    config = server_for(app, settings.serve_host, settings.serve_port, log_level="warning").config
    # The app's life begins before the first connection: its complaints are ours to explain.
    config.lifespan = "off"
    with _bound(settings.serve_host, settings.serve_port) as listening:
        try:
            async with app.state.server.lifespan():
                server = _Stoppable(config, lambda: _greet(listening, folder))
                await server.serve(sockets=[listening])
        except FolderInUseError as error:
            raise ConfigError(
                f"another server uses the data folder {folder}: stop that one, or give another"
                " folder with --data"
            ) from error
        except ForeignFolderError as error:
            raise ConfigError(f"{error} (--data)") from error
        except (SchemaError, sqlite3.Error, OSError) as error:
            raise SpoolError(f"the data folder {folder} cannot be used: {error}") from error


def server_settings(settings: Settings) -> ServerSettings:
    minutes = settings.serve_morag_lease_min
    morag = MoragSettings(
        input_folders=settings.serve_input_folders,
        lease_s=None if minutes is None else minutes * MINUTE,
    )
    return ServerSettings(
        folder=settings.serve_data,
        retention_s=settings.serve_retention_days * DAY,
        morag=morag if settings.serve_morag else None,
    )


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol named, asyncio switches Nagle's algorithm off for the connections. Without,
    # every answer waits 40 ms for the acknowledgement of its own first half.
    listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(BACKLOG)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            raise ServerUnavailableError(
                f"port {port} of {host} is taken: give another with --port, or stop what listens"
                " there (--port 0 takes any free one)"
            ) from error
        raise ConfigError(f"cannot listen on {host}, port {port}: {error.strerror}") from error
    return listening


def _greet(listening: socket.socket, folder: Path) -> None:
    host, port = listening.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    print(f"listening on http://{shown}:{port}, data in {folder}", flush=True)
    if not any(token.revoked_at is None for token in list_tokens(folder)):
        print(
            "there are no tokens yet, so nobody may do anything:\n"
            f"  python -m agent token create --agent ID --out FILE --data {folder}\n"
            f"  python -m agent token create --client --out FILE --data {folder}",
            flush=True,
        )
