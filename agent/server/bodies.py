"""JSON bodies within the protocol's limits: size, nesting, no NaN, no other media type.

And of nobody without a token: FastAPI reads the body before it looks at what a route depends on.
"""

import json
import math
from collections.abc import Callable, Coroutine
from typing import Any, NoReturn

from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import Response

from agent.server.auth import authenticated
from agent.server.problems import ProblemError
from agent.wire.base import MAX_JSON_BODY, MAX_NESTING
from agent.wire.problems import ProblemCode


class JsonRequest(Request):
    """Reads no more than a JSON body may have, and refuses what is no clean JSON."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            gathered = bytearray()
            async for chunk in self.stream():
                gathered += chunk
                if len(gathered) > MAX_JSON_BODY:
                    detail = f"a JSON body is at most {MAX_JSON_BODY} bytes"
                    raise ProblemError(ProblemCode.TOO_LARGE, detail)
            self._body = bytes(gathered)
        return self._body

    async def json(self) -> Any:  # noqa: ANN401 - the JSON edge
        if not hasattr(self, "_json"):
            self._json = parse(await self.body())
        return self._json


class JsonRoute(APIRoute):
    """A route for callers with a token; FastAPI finds its body parsed already, by our rules."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        if self.body_field is None:
            return handle

        async def handle_json(plain: Request) -> Response:
            request = JsonRequest(plain.scope, plain.receive)
            await authenticated(request)
            if await request.body():
                _check_media_type(request)
                await request.json()
            return await handle(request)

        return handle_json


def parse(body: bytes) -> Any:  # noqa: ANN401 - the JSON edge
    try:
        parsed = json.loads(body, parse_constant=_no_constant, parse_float=_finite)
        if b"\\u" in body:
            # Half a surrogate pair is JSON, but no text: it could not be sent on.
            json.dumps(parsed, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise ProblemError(ProblemCode.BAD_REQUEST, f"the body is not JSON: {error}") from None
    if is_deeper(parsed, MAX_NESTING):
        raise ProblemError(ProblemCode.BAD_REQUEST, f"nested deeper than {MAX_NESTING}")
    return parsed


def _check_media_type(request: Request) -> None:
    media_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
    if media_type != "application/json" and not media_type.endswith("+json"):
        raise ProblemError(ProblemCode.UNSUPPORTED_TYPE, "the body must be application/json")


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is too large a number")
    return number


def is_deeper(value: object, depth: int) -> bool:
    if not isinstance(value, list | dict):
        return False
    if depth == 0:
        return True
    inner = value.values() if isinstance(value, dict) else value
    return any(is_deeper(item, depth - 1) for item in inner)
