"""What an answer of a MoRAG server means that is an error; it knows no codes of its own."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from pydantic import BaseModel, ValidationError

from agent.edges.problems import retry_after
from agent.model.errors import (
    AskedTooOftenError,
    CredentialsRefusedError,
    LeaseLostError,
    RequestRefusedError,
    ServerError,
    ServerUnavailableError,
)
from agent.model.ids import Seconds
from agent.model.lease import LostReason

NOT_FOUND = 404
NO_ROUTE = "Not Found"
"""What Starlette says of a path that it does not know; MoRAG says more of a job."""
NOT_MOUNTED = (
    "the server has no remote jobs (404): MoRAG's newer versions do not mount that part by"
    " themselves (docs/morag.md says how to)"
)
PROXY_LIMIT = (
    "something before the server refuses a result of this size (413): raise the limit of its proxy"
    " (nginx: client_max_body_size)"
)


class GaveUpError(ServerUnavailableError):
    """Something on the way gave up waiting: what it had passed on goes its way."""


_Made: TypeAlias = Callable[[str, Seconds | None], ServerError]


def _credentials(said: str, _: Seconds | None) -> ServerError:
    return CredentialsRefusedError(said)


def _gave_up(said: str, pause: Seconds | None) -> ServerError:
    return GaveUpError(said, retry_after=pause, answered=True)


def _unavailable(said: str, pause: Seconds | None) -> ServerError:
    return ServerUnavailableError(said, retry_after=pause, answered=True)


_BY_STATUS: Mapping[int, _Made] = {
    401: _credentials,
    403: _credentials,
    408: _gave_up,
    413: lambda _, pause: _unavailable(PROXY_LIMIT, pause),
    422: lambda said, _: RequestRefusedError(said),
    429: lambda said, pause: AskedTooOftenError(said, retry_after=pause, answered=True),
    502: _gave_up,
    504: _gave_up,
}


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> ServerError:
    """`LeaseLostError` for a job that the server does not know."""
    detail = _detail(body)
    if status == NOT_FOUND and detail == NO_ROUTE:
        return _unavailable(NOT_MOUNTED, None)
    if status == NOT_FOUND and detail:
        return LeaseLostError(LostReason.UNKNOWN)
    said = f"the server answered {status}{': ' + detail if detail else ''}"
    return _BY_STATUS.get(status, _unavailable)(said, retry_after(headers))


class _Detail(BaseModel):
    detail: str


def _detail(body: bytes) -> str:
    try:
        return _Detail.model_validate_json(body).detail
    except ValidationError:
        return ""
