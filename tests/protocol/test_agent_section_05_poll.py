import asyncio
from dataclasses import replace

import pytest
import respx

from agent.core.admission import OnlyBeat, View, admit
from agent.model.errors import ServerUnavailableError
from agent.model.ids import Bytes, Seconds
from agent.model.lease import Directive
from tests.protocol.agent_side import AGENT, ASK, BEAT, POLL, WHO, agent_side, hang, sent

BUSY = View(
    slots=1,
    held=2,
    jobs_left=None,
    disk_free=Bytes(100),
    awaited=Bytes(0),
    disk_reserve=Bytes(0),
    max_input=Bytes(10),
    paused=None,
)


@respx.mock
async def test_a_poll_says_how_long_it_waits_and_what_it_has_place_for() -> None:
    route = respx.post(POLL).respond(json={"offer": None})

    async with agent_side() as server:
        await server.poll(ASK)

    told = sent(route)
    assert (told["request_id"], told["wait_s"], told["free_slots"]) == ("r1", 25.0, 1)
    assert told["max_input_bytes"] == 10


@respx.mock
async def test_a_poll_with_nothing_free_is_a_heartbeat() -> None:
    route = respx.post(POLL).respond(json={"offer": None})

    async with agent_side() as server:
        result = await server.poll(BEAT)

    told = sent(route)
    assert (told["free_slots"], told["prefetch"], result.offer) == (0, 0, None)


def test_an_agent_without_a_place_only_beats() -> None:
    assert isinstance(admit(BUSY), OnlyBeat)


def test_a_paused_agent_only_beats() -> None:
    assert admit(replace(BUSY, held=0, paused="the server asked")) == OnlyBeat("the server asked")


@respx.mock
async def test_no_poll_waits_longer_than_fifty_seconds_whatever_hello_said() -> None:
    respx.put(AGENT).respond(json={"poll_wait_s": 3600})
    route = respx.post(POLL).respond(json={"offer": None})

    async with agent_side() as server:
        terms = await server.hello(WHO)
        await server.poll(replace(ASK, wait=terms.poll_wait))

    assert sent(route)["wait_s"] == 50.0


@pytest.mark.parametrize("wait", [0.0, 25.0, 50.0])
@respx.mock
async def test_the_read_timeout_is_the_wait_and_ten_seconds(wait: float) -> None:
    respx.post(POLL).mock(side_effect=hang)

    async with agent_side() as server:
        with pytest.raises(ServerUnavailableError):
            await server.poll(replace(ASK, wait=Seconds(wait)))

    assert asyncio.get_running_loop().time() == wait + 10.0


@pytest.mark.parametrize("directive", list(Directive))
@respx.mock
async def test_every_directive_is_understood(directive: Directive) -> None:
    respx.post(POLL).respond(json={"offer": None, "directive": directive.value})

    async with agent_side() as server:
        assert (await server.poll(ASK)).directive is directive


@respx.mock
async def test_a_poll_that_is_given_up_ends_at_once() -> None:
    respx.post(POLL).mock(side_effect=hang)

    async with agent_side() as server, asyncio.TaskGroup() as scope:
        poll = scope.create_task(server.poll(ASK))
        await asyncio.sleep(3)
        poll.cancel()

    assert poll.cancelled()
    assert asyncio.get_running_loop().time() == 3.0
