"""A bug: the log says where, and nobody says what, since options may hold secrets."""

import traceback
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.responses import StreamingResponse
from structlog.testing import capture_logs

from agent.server.bugs import AnswerCutError, place_of
from tests.server.world import World, code_of, world

pytestmark = pytest.mark.real_time
SECRET = "2retnuh"[::-1]
"""Not in a line of source code: those are logged."""


def _break(w: World) -> None:
    async def breaks() -> None:
        raise ValueError(SECRET)

    async def begins_and_breaks() -> StreamingResponse:
        async def body() -> AsyncIterator[bytes]:
            yield b"begun"
            raise ValueError(SECRET)

        return StreamingResponse(body())

    w.app.add_api_route("/breaks", breaks)
    w.app.add_api_route("/begins", begins_and_breaks)


async def test_a_bug_is_answered_and_logged_once_with_its_place_and_without_its_message(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        _break(w)

        # This transport raises whatever would reach uvicorn, which logs it with its message.
        with capture_logs() as logs:
            answer = await w.stranger.get("/breaks")

        assert code_of(answer) == (500, "internal")
        (line,) = logs
        assert (line["event"], line["error"]) == ("call.broken", "ValueError")
        assert "in breaks" in line["where"]
        assert SECRET not in str(line) + answer.text


async def test_a_bug_in_the_middle_of_an_answer_cuts_it_without_the_message(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        _break(w)

        with capture_logs() as logs, pytest.raises(AnswerCutError) as cut:
            await w.stranger.get("/begins")

        shown = "".join(traceback.format_exception(cut.value))
        assert SECRET not in shown + str(logs)
        assert "in body" in logs[0]["where"]


def test_the_place_of_a_group_and_of_a_cause_is_told() -> None:
    def inner() -> None:
        raise ValueError(SECRET)

    def outer() -> None:
        try:
            inner()
        except ValueError as error:
            raise ExceptionGroup(SECRET, [KeyError(SECRET)]) from error

    with pytest.raises(ExceptionGroup) as caught:
        outer()

    place = place_of(caught.value)
    assert "in inner" in place
    assert "in outer" in place
    assert SECRET not in place
