import httpx
import pytest
import respx

from agent.model.errors import ServerError, ServerUnavailableError
from agent.model.ids import Seconds
from agent.wire.problems import ProblemCode
from tests.edges.server import problem
from tests.protocol.agent_side import ASK, POLL, agent_side

PASSING = {"slow_down", "internal", "unavailable", "disk_full"}


async def refused(answer: httpx.Response) -> ServerError:
    respx.post(POLL).mock(return_value=answer)
    async with agent_side() as server:
        with pytest.raises(ServerError) as caught:
            await server.poll(ASK)
    return caught.value


@pytest.mark.parametrize("code", [code.value for code in ProblemCode])
@respx.mock
async def test_every_code_is_understood_and_only_some_are_transient(code: str) -> None:
    error = await refused(problem(code))

    assert isinstance(error, ServerUnavailableError) == (code in PASSING)


@respx.mock
async def test_a_code_from_the_future_is_transient() -> None:
    body = b'{"status": 409, "code": "out_of_tea"}'

    assert isinstance(await refused(httpx.Response(409, content=body)), ServerUnavailableError)


@respx.mock
async def test_members_from_the_future_are_ignored() -> None:
    error = await refused(problem("slow_down", weather="fine", detail="too many polls"))

    assert str(error) == "the server answered 429: too many polls"


@respx.mock
async def test_retry_after_is_obeyed_up_to_fifteen_minutes() -> None:
    answer = httpx.Response(503, headers={"Retry-After": "86400"})

    error = await refused(answer)

    assert isinstance(error, ServerUnavailableError)
    assert error.retry_after == Seconds(900.0)
