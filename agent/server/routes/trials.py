"""An optional extension (section 12): lets a caller try the path to this server, harming nobody."""

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from agent.server.auth import ServerDep, token_of
from agent.server.problems import ProblemError
from agent.server.sending import Content, Span, wanted
from agent.wire import routes
from agent.wire.problems import ProblemCode
from agent.wire.trial import LARGEST, LONGEST_SILENCE, TrialTaken, content, etag_of

router = APIRouter(tags=["trial"], dependencies=[Depends(token_of)])
STALL_S = 30.0
"""A sender that is silent this long has gone."""
_OCTETS = "application/octet-stream"


@router.get(routes.TRIAL, response_class=Response)
async def give(
    request: Request,
    server: ServerDep,
    size: Annotated[int, Query(ge=0, le=LARGEST)] = 0,
    wait_s: Annotated[float, Query(ge=0, le=LONGEST_SILENCE)] = 0,
) -> Response:
    """Says nothing for `wait_s`, then sends `size` bytes; ranges as with an input."""
    asked = Content(Path(), size, etag_of(size), _OCTETS, "trial")
    span = wanted(request.headers.get("range"), request.headers.get("if-range"), asked)
    with server.trials.place():
        await server.trials.be_silent(wait_s, partial(_gone, request))
    sent = span or Span(0, size - 1, size)
    headers = {
        "Accept-Ranges": "bytes",
        "Cache-Control": "no-store",
        "Content-Length": str(sent.length),
        "ETag": asked.etag,
    }
    if span is not None:
        headers["Content-Range"] = span.content_range
    status = 200 if span is None else 206
    return StreamingResponse(_sent(sent), status, headers, _OCTETS)


async def _sent(span: Span) -> AsyncIterator[bytes]:
    for piece in content(span.first, span.length):
        yield piece


@router.post(routes.TRIAL)
async def take(request: Request, server: ServerDep) -> TrialTaken:
    """Counts the bytes and throws them away."""
    arrived = 0
    stream = request.stream()
    with server.trials.place():
        while True:
            try:
                async with asyncio.timeout(STALL_S):
                    piece = await anext(stream, None)
            except TimeoutError:
                raise ClientDisconnect from None
            if piece is None:
                return TrialTaken(size=arrived)
            arrived += len(piece)
            if arrived > LARGEST:
                raise ProblemError(ProblemCode.TOO_LARGE, f"a trial is at most {LARGEST} bytes")


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
