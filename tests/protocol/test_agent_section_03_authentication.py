import pytest
import respx

from agent.model.errors import CredentialsRefusedError
from tests.edges.server import SERVER, TOKEN, problem
from tests.protocol.agent_side import AGENT, ASK, POLL, WHO, agent_side


@respx.mock
async def test_the_token_is_a_bearer_in_a_header() -> None:
    route = respx.put(AGENT).respond(json={})

    async with agent_side() as server:
        await server.hello(WHO)

    assert route.calls.last.request.headers["authorization"] == f"Bearer {TOKEN}"


@respx.mock
async def test_the_token_is_never_in_a_url() -> None:
    route = respx.route(url__startswith=SERVER).respond(json={})

    async with agent_side() as server:
        await server.hello(WHO)
        await server.poll(ASK)
        await server.sign_off([])

    assert route.call_count == 3
    assert not [call for call in route.calls if TOKEN in str(call.request.url)]


@pytest.mark.parametrize("code", ["unauthorized", "forbidden"])
@respx.mock
async def test_a_token_that_is_unknown_or_not_ours_is_a_persons_to_mend(code: str) -> None:
    respx.post(POLL).mock(return_value=problem(code))

    async with agent_side() as server:
        with pytest.raises(CredentialsRefusedError):
            await server.poll(ASK)
