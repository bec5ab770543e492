"""Every error as problem+json, whoever raised it."""

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from agent.server.bugs import BugsHidden
from agent.server.problems import ProblemError, invalid
from agent.wire.problems import MEDIA_TYPE, STATUS, Problem, ProblemCode


def add_to(app: FastAPI) -> None:
    app.add_exception_handler(ProblemError, _refused)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _unrouted)
    app.add_exception_handler(ClientDisconnect, _gone)
    # The innermost of them all: what is raised in a route ends here, bugs included.
    app.add_middleware(BugsHidden)


def answer(problem: Problem, headers: dict[str, str] | None = None) -> Response:
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, headers, MEDIA_TYPE)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ProblemError)  # noqa: S101 - registered for this type only
    return answer(error.problem, error.headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101 - as above
    first = error.errors()[0]
    path = [str(part) for part in first["loc"] if part not in {"body", "query", "path"}]
    return answer(invalid(".".join(path) or "body", str(first["msg"])).problem)


async def _unrouted(_request: Request, error: Exception) -> Response:
    """404 and 405 of the router: no code of section 10 says them, `bad_request` comes closest."""
    assert isinstance(error, HTTPException)  # noqa: S101 - as above
    by_status = {status: code for code, status in STATUS.items()}
    is_client = error.status_code < 500  # noqa: PLR2004 - where server errors begin
    fallback = ProblemCode.BAD_REQUEST if is_client else ProblemCode.INTERNAL
    code = fallback if error.status_code in {404, 409} else by_status.get(error.status_code)
    problem = ProblemError(code or fallback, str(error.detail), status=error.status_code)
    return answer(problem.problem, dict(error.headers or {}))


async def _gone(_request: Request, _error: Exception) -> Response:
    """Nobody reads this; the connection was cut in the middle of a body."""
    return answer(ProblemError(ProblemCode.BAD_REQUEST, "the connection was cut").problem)
