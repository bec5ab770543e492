"""What the tests of the client's edges say again and again."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx

from agent.edges.http import MAX_AGE, Connection, Sockets
from agent.model.ids import Bytes, JobId, LeaseId, Seconds
from agent.model.lease import InputRef, Offer
from agent.wire.problems import STATUS, ProblemCode

SERVER = "https://jobs.example"
TOKEN = "the-token"  # noqa: S105 - opens nothing
BOOT = "boot-1"


@asynccontextmanager
async def connected(url: str = SERVER, *, max_age: Seconds = MAX_AGE) -> AsyncIterator[Connection]:
    connection = Connection(url, TOKEN, sockets=Sockets(max_age=max_age))
    try:
        yield connection
    finally:
        await connection.close()


def problem(code: str, **members: object) -> httpx.Response:
    status = STATUS[ProblemCode(code)]
    return httpx.Response(status, content=problem_body(code, **members))


def problem_body(code: str, **members: object) -> bytes:
    status = STATUS[ProblemCode(code)]
    return json.dumps({"status": status, "code": code, **members}).encode()


def an_offer(lease_id: str = "lease-1") -> Offer:
    return Offer(
        job_id=JobId("job-1"),
        lease_id=LeaseId(lease_id),
        attempt=1,
        offer_ttl=Seconds(15.0),
        lease_ttl=Seconds(90.0),
        queue="gpu_fallback",
        content_type="audio",
        options={},
        input=InputRef(
            url="/v1/leases/lease-1/input",
            size=Bytes(3),
            sha256=None,
            etag=None,
            filename="a.mp3",
            media_type=None,
        ),
        artifacts_url="/v1/leases/lease-1/artifacts",
        transport="tus",
        timeout=None,
    )
