"""The stand-in on a port of loopback."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn

from tests.fakes.morag.app import StandIn


@asynccontextmanager
async def online(stand_in: StandIn, port: int = 0) -> AsyncIterator[str]:
    """Its URL, the prefix included."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", port))
        served = uvicorn.Server(config_of(stand_in))
        async with asyncio.TaskGroup() as group:
            serving = group.create_task(served.serve([listening]))
            while not served.started and not serving.done():
                await asyncio.sleep(0.01)
            address = f"http://127.0.0.1:{listening.getsockname()[1]}"
            try:
                yield address + stand_in.manners.prefix
            finally:
                served.should_exit = True


def config_of(stand_in: StandIn, port: int = 0) -> uvicorn.Config:
    return uvicorn.Config(
        stand_in,
        host="127.0.0.1",
        port=port,
        lifespan="off",
        access_log=False,
        log_config=None,
        ws="none",
        timeout_graceful_shutdown=1,
    )
