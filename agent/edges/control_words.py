"""The lines that go over the control socket: one JSON object each, with its version.

    {"version":1,"kind":"status"}
    {"version":1,"kind":"told","snapshot":{...}}

Fields that a reader does not know are passed over, so that both sides may grow.
"""

import json
from functools import cache
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError
from pydantic_core import to_json

from agent.model.control import (
    LONGEST_PAUSE,
    SHORTEST_WATCH,
    VERSION,
    Answer,
    AskPause,
    AskWatch,
    Refused,
    Request,
)


class NonsenseError(ValueError):
    """A line that is none of ours; says what is wrong with it."""


@cache
def _requests() -> TypeAdapter[Request]:
    # Built when the first line comes: most agents never hear one.
    return TypeAdapter(Annotated[Request, Field(discriminator="kind")])


@cache
def _answers() -> TypeAdapter[Answer]:
    return TypeAdapter(Annotated[Answer, Field(discriminator="kind")])


def written(said: Request | Answer) -> bytes:
    """One line, its end included."""
    fields = json.loads(to_json(said, inf_nan_mode="null"))
    return to_json({"version": VERSION, **fields}) + b"\n"


def read_request(line: bytes) -> Request:
    """Raises `NonsenseError`."""
    _check_version(line, "the agent that runs here", "the command")
    try:
        request = _requests().validate_json(line)
    except ValidationError as error:
        raise NonsenseError(f"no such request: {_first(error)}") from error
    return _sane(request)


def read_answer(line: bytes) -> Answer:
    """Raises `NonsenseError`."""
    _check_version(line, "this command", "the agent that runs here")
    try:
        return _answers().validate_json(line)
    except ValidationError as error:
        raise NonsenseError(f"no such answer: {_first(error)}") from error


def refusal(reason: str) -> bytes:
    return written(Refused(reason=reason))


def _check_version(line: bytes, reader: str, writer: str) -> None:
    try:
        spoken = json.loads(line)["version"]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise NonsenseError("that is no line of this protocol") from error
    if spoken != VERSION:
        raise NonsenseError(
            f"{reader} speaks version {VERSION}, {writer} version {spoken!r:.20}:"
            " one of the two is older; start the agent again after an update"
        )


def _sane(request: Request) -> Request:
    match request:
        case AskPause(lasts=float() as lasts) if not 0 < lasts <= LONGEST_PAUSE:
            raise NonsenseError("a pause lasts longer than no time and at most a year")
        case AskPause(lasts=float(), until=float()):
            raise NonsenseError("a pause has one end, not two")
        case AskPause(until=float() as until) if not abs(until) < float("inf"):
            raise NonsenseError("that is no moment")
        case AskWatch(every=every) if not every >= SHORTEST_WATCH:
            raise NonsenseError(f"a look every {SHORTEST_WATCH:g} s at most")
        case _:
            return request


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc'])) or 'kind'}: {first['msg']}"
