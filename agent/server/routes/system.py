"""Liveness and metrics.

`/healthz` and `/openapi.json` are open: they tell nothing that the documentation does not.
`/metrics` takes a client token, as numbers about the work are the clients' business.
"""

import asyncio

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import Response

import agent
from agent.server.auth import Client, ServerDep
from agent.server.clock import in_words
from agent.server.store import clients
from agent.server.store.transaction import Transaction
from agent.wire import routes
from agent.wire.jobs import Health

router = APIRouter(tags=["system"])
DISK_FULL = "disk_full"


@router.get(routes.HEALTH)
async def healthz(server: ServerDep) -> Health:
    """200 while the database answers and could last be written, else 503 or 507; no token needed.

    `status` is `ok`, or `disk_full` when no more files are taken.
    """
    await server.store.run(_is_alive)
    if server.trouble is not None:
        raise server.trouble
    # Still 200 with only the reserve left: agents keep their leases and results can be fetched. A
    # restart, or a balancer that sends nobody here, would only make it worse.
    status = "ok" if await asyncio.to_thread(server.blobs.has_room) else DISK_FULL
    return Health(status=status, version=agent.__version__, time=in_words(server.now))


def _is_alive(tx: Transaction) -> None:
    tx.db.execute("SELECT 1")


@router.get(routes.METRICS, dependencies=[Client], response_class=Response)
async def metrics(server: ServerDep) -> Response:
    """For Prometheus."""
    counts = await server.store.run(clients.counts)
    online = server.fleet.online(server.now, server.settings.offline_after_s)
    body = server.metrics.render(counts, online, len(server.running.matchmaker))
    return Response(body, media_type=CONTENT_TYPE_LATEST)
