from collections import deque

import pytest

from agent.model.errors import (
    CredentialsRefusedError,
    LeaseLostError,
    ServerError,
    ServerUnavailableError,
)
from agent.model.ids import Bytes, Seconds
from agent.model.lease import LostReason
from agent.ports import Ask
from agent.runtime.contact import WatchedServer
from tests.runtime.world import WHO, World

ASK = Ask(request_id="r", wait=Seconds(5.0), free_slots=0, prefetch=0, max_input=Bytes(0))


async def fail(world: World, server: WatchedServer, error: ServerError) -> None:
    world.server.errors.setdefault("poll", deque()).append(error)
    with pytest.raises(type(error)):
        await server.poll(ASK)


async def test_nothing_is_known_before_the_first_call_ends(world: World) -> None:
    server = WatchedServer(world.connection, world.clock)

    assert (server.since, server.trouble) == (None, None)


async def test_an_answer_is_contact_since_the_first_of_them(world: World) -> None:
    server = WatchedServer(world.connection, world.clock)
    await server.hello(WHO)
    began = world.clock.now()
    await server.poll(ASK)

    assert (server.since, server.trouble) == (began, None)


@pytest.mark.parametrize(
    "error", [ServerUnavailableError("refused"), CredentialsRefusedError("refused")]
)
async def test_trouble_is_told_with_its_reason_until_an_answer(
    world: World, error: ServerError
) -> None:
    server = WatchedServer(world.connection, world.clock)
    await server.hello(WHO)
    await world.sleep_until(60.0)
    await fail(world, server, error)
    await world.sleep_until(90.0)
    await fail(world, server, ServerUnavailableError("still away"))
    troubled = (server.since, server.trouble)
    await server.poll(ASK)

    assert troubled == (60.0, "still away")
    assert server.trouble is None
    assert server.since == world.clock.now()


async def test_a_server_that_talks_about_leases_is_there(world: World) -> None:
    server = WatchedServer(world.connection, world.clock)
    await server.hello(WHO)

    await fail(world, server, LeaseLostError(LostReason.EXPIRED))

    assert server.trouble is None
