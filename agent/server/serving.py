"""Serving the app alone with uvicorn, so that it stops in well under a second."""

import socket
from typing import Any

import uvicorn
from fastapi import FastAPI

GRACEFUL_S = 5
"""For transfers in flight; parked polls and event streams end at once."""


class GracefulServer(uvicorn.Server):
    """Answers what is parked before it waits for connections to end."""

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        app: Any = self.config.app
        app.state.server.stop_waiting()
        await super().shutdown(sockets)


def server_for(app: FastAPI, host: str, port: int, **more: Any) -> GracefulServer:  # noqa: ANN401 - uvicorn's own options
    """Ready for `run()` or `await serve()`; uvicorn takes httptools if there, else h11."""
    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        lifespan="on",
        access_log=False,
        log_config=None,
        server_header=False,
        ws="none",
        timeout_keep_alive=75,  # longer than the longest poll: no race at its end
        timeout_graceful_shutdown=GRACEFUL_S,
        **more,
    )
    return GracefulServer(config)
