import httpx
import pytest
import respx

from agent.edges.greeting import speaks_ours
from agent.edges.http import Connection
from agent.model.errors import ServerUnavailableError
from tests.edges.server import SERVER, connected, problem

AGENTS = f"{SERVER}/v1/agents"


@respx.mock
@pytest.mark.parametrize(
    ("answer", "is_ours"),
    [
        (problem("unauthorized"), True),
        (problem("forbidden"), True),
        (problem("unavailable"), True),
        (httpx.Response(200, json={"agents": []}), True),
        (httpx.Response(200, json=[]), True),
        (httpx.Response(200, text="<html>"), False),
        (httpx.Response(404, json={"detail": "Not Found"}), False),
        (httpx.Response(405), False),
        (httpx.Response(401, text="a proxy asks for a key"), False),
        (httpx.Response(403, text="a proxy opens other paths only"), False),
        (httpx.Response(410, json={"detail": "gone"}), False),
    ],
)
async def test_a_server_of_ours_is_known_by_its_answer(
    answer: httpx.Response, is_ours: bool
) -> None:
    respx.get(AGENTS).mock(return_value=answer)

    async with connected() as connection:
        assert await speaks_ours(connection) is is_ours


@respx.mock
@pytest.mark.parametrize(
    "answer", [httpx.Response(502), httpx.Response(302, headers={"location": "/login"})]
)
async def test_where_nobody_can_tell_it_is_asked_again_later(answer: httpx.Response) -> None:
    respx.get(AGENTS).mock(return_value=answer)

    async with connected() as connection:
        with pytest.raises(ServerUnavailableError):
            await speaks_ours(connection)


@respx.mock
async def test_a_server_that_is_not_there_is_neither() -> None:
    respx.get(AGENTS).mock(side_effect=httpx.ConnectError("refused"))

    with pytest.raises(ServerUnavailableError):
        await speaks_ours(Connection(SERVER, None))
