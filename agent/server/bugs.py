"""What is logged of an error that nobody foresaw: where, not what.

Messages and local variables may carry a user's secrets, source lines do not.
"""

import traceback

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.server.problems import ProblemError
from agent.wire.problems import MEDIA_TYPE, ProblemCode


class AnswerCutError(Exception):
    """A bug cut an answer that had begun; the log line before this one says where."""


class BugsHidden:
    """ASGI middleware: no foreign error reaches the server, which would log its message."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noting(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except Exception as error:  # noqa: BLE001 - becomes an answer
            _log(scope, error)
            if has_begun or scope["type"] != "http":
                raise AnswerCutError from None
            await _answer(send)


def _log(scope: Scope, error: Exception) -> None:
    structlog.get_logger("agent.server").error(
        "call.broken",
        method=scope.get("method"),
        error=type(error).__name__,
        where=place_of(error),
    )


async def _answer(send: Send) -> None:
    problem = ProblemError(ProblemCode.INTERNAL, "a bug in the server; see its log").problem
    body = problem.model_dump_json(exclude_none=True).encode()
    headers = [
        (b"content-type", MEDIA_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
    ]
    await send({"type": "http.response.start", "status": problem.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def place_of(error: BaseException) -> str:
    """The lines of code that led there, those of its causes and of a group's members first."""
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    inner = [*members, *([] if before is None else [before])]
    own = [f"{type(error).__name__}:\n", *traceback.format_tb(error.__traceback__)]
    return "".join([*map(place_of, inner), *own])
