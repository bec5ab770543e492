from collections import deque

import pytest

from agent.model.errors import NewerBootError, ServerUnavailableError, UnknownAgentError
from agent.model.ids import Bytes, Seconds
from agent.ports import Ask, Introduction, Terms
from agent.runtime.introduced import IntroducedServer
from tests.fakes.server import FakeServer
from tests.fakes.spool import FakeSpool
from tests.runtime.conftest import Lines
from tests.runtime.world import WHO, World
from tests.virtual_time import LoopClock

ASK = Ask(request_id="r1", wait=Seconds(0.0), free_slots=0, prefetch=0, max_input=Bytes(0))


async def test_hello_carries_the_boot_number_of_the_spool(world: World) -> None:
    world.spool.adopt_boot(7)

    await world.tools.server.introduce()

    assert [who.boot_seq for who in world.server.hellos] == [7]


async def test_an_agent_that_was_forgotten_says_hello_and_repeats_the_call(
    world: World, clock: LoopClock
) -> None:
    world.server.forgets_at = deque([10.0])
    await world.tools.server.introduce()
    await world.sleep_until(10.0)

    await world.tools.server.poll(ASK)

    assert [call.name for call in world.server.calls] == ["hello", "poll", "hello", "poll"]
    assert clock.now() == 10.0


async def test_polls_last_as_long_as_the_latest_hello_was_told(world: World) -> None:
    await world.tools.server.introduce()
    before = world.tools.server.poll_wait
    world.server.poll_wait = Seconds(40.0)

    await world.tools.server.introduce()

    assert (before, world.tools.server.poll_wait) == (25.0, 40.0)


async def test_an_agent_that_is_unknown_right_after_its_hello_waits_as_in_an_outage(
    world: World,
) -> None:
    await world.tools.server.introduce()
    world.server.errors = {"poll": deque([UnknownAgentError("who?"), UnknownAgentError("who?")])}

    with pytest.raises(ServerUnavailableError):
        await world.tools.server.poll(ASK)


async def test_a_new_spool_adopts_the_number_after_the_one_that_the_server_knows(
    world: World,
) -> None:
    world.server.introduce("attic", "an-older-boot", _who(boot_seq=41))

    await world.tools.server.introduce()

    assert world.spool.adopted == [42]
    assert [who.boot_seq for who in world.server.hellos] == [41, 42]


async def test_an_old_spool_does_not_argue_with_a_newer_boot(clock: LoopClock) -> None:
    world = World(clock, FakeServer(clock), spool=FakeSpool(boot_seq=5))
    world.server.introduce("attic", "another-boot", _who(boot_seq=6))

    with pytest.raises(NewerBootError):
        await world.tools.server.introduce()

    assert world.spool.adopted == []


async def test_a_new_spool_does_not_guess_a_number_that_the_server_does_not_tell(
    world: World,
) -> None:
    world.server.errors = {"hello": deque([NewerBootError("newer", boot_seq=None)])}

    with pytest.raises(NewerBootError):
        await world.tools.server.introduce()

    assert world.spool.adopted == []


async def test_a_boot_that_was_introduced_once_never_outbids_a_later_one(world: World) -> None:
    await world.tools.server.introduce()
    world.server.introduce("attic", "a-later-boot", _who(boot_seq=2))

    with pytest.raises(NewerBootError):
        await world.tools.server.introduce()

    assert world.spool.adopted == []


async def test_what_the_server_has_to_say_is_logged(world: World, lines: Lines) -> None:
    class Talkative(FakeServer):
        def introduce(self, agent: str, boot: str, who: Introduction) -> Terms:
            del agent, boot, who
            return Terms(
                poll_wait=self.poll_wait,
                renew_every=self.renew_in,
                lease_ttl=self.ttl,
                messages=("your queues are gone",),
            )

    talkative = Talkative(world.clock).connect()

    await IntroducedServer(talkative, WHO, world.spool).introduce()

    said = [line["message"] for line in lines if line["event"] == "server.said"]
    assert said == ["your queues are gone"]


def _who(boot_seq: int) -> Introduction:
    return Introduction(
        name="attic",
        version="1",
        capability="gpu",
        content_types=("audio",),
        queues=(),
        slots=1,
        boot_seq=boot_seq,
    )
