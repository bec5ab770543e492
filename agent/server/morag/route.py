"""How MoRAG's URLs take bodies and tell errors: as the web framework does that its clients know."""

import asyncio
import json
import math
from collections.abc import Callable, Coroutine
from typing import Any

from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from agent.server.bodies import is_deeper
from agent.server.morag.keys import token_in
from agent.server.problems import ProblemError
from agent.server.settings import MoragSettings
from agent.wire.base import MAX_JSON_BODY, MAX_NESTING
from agent.wire.problems import ProblemCode

WORTH_A_THREAD = 64 * 1024


class OldRoute(APIRoute):
    """Errors as `{"detail": …}`; a body is read only for those who have a key."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def answer(plain: Request) -> Response:
            request = _OldRequest(plain.scope, plain.receive)
            try:
                if self.body_field is not None:
                    await token_in(request)
                    await request.json()
                return await handle(request)
            except ProblemError as error:
                return _told(error.problem.status, error.problem.detail, error.headers)
            except RequestValidationError as error:
                return _told(422, [_line(dict(line)) for line in error.errors()])

        return answer


def _line(error: dict[str, Any]) -> dict[str, Any]:
    # Without the value: it may be a password, and answers end up in logs.
    return {name: error[name] for name in ("type", "loc", "msg") if name in error}


def _told(status: int, detail: object, headers: dict[str, str] | None = None) -> Response:
    return JSONResponse({"detail": detail}, status, headers)


class _OldRequest(Request):
    """Reads no more than its limit, and takes what Python's `json` writes, NaN included."""

    async def body(self) -> bytes:
        if not hasattr(self, "_body"):
            gathered, limit = bytearray(), self._limit()
            async for chunk in self.stream():
                gathered += chunk
                if len(gathered) > limit:
                    raise ProblemError(ProblemCode.TOO_LARGE, f"the body is at most {limit} bytes")
            self._body = bytes(gathered)
        return self._body

    def _limit(self) -> int:
        settings: MoragSettings = self.app.state.server.settings.morag
        return settings.max_result_bytes if self.method == "PUT" else MAX_JSON_BODY

    async def json(self) -> Any:  # noqa: ANN401 - the JSON edge
        if not hasattr(self, "_json"):
            body = await self.body()
            is_long = len(body) > WORTH_A_THREAD
            self._json = await asyncio.to_thread(_parse, body) if is_long else _parse(body)
        return self._json


def _parse(body: bytes) -> Any:  # noqa: ANN401 - the JSON edge
    """What is no number becomes null, and half a surrogate pair a question mark.

    To refuse them would throw away a result that nobody sends again.
    """
    try:
        parsed = json.loads(body, parse_constant=lambda _name: None, parse_float=_finite)
        if b"\\u" in body:
            parsed = json.loads(json.dumps(parsed, ensure_ascii=False).encode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise ProblemError(
            ProblemCode.INVALID, f"the body is not JSON ({type(error).__name__})"
        ) from None
    if is_deeper(parsed, MAX_NESTING):
        raise ProblemError(ProblemCode.INVALID, f"the body is nested deeper than {MAX_NESTING}")
    return parsed


def _finite(digits: str) -> float | None:
    number = float(digits)
    return number if math.isfinite(number) else None
