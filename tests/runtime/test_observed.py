"""Every call is counted, and one that hangs is a trouble."""

import asyncio

import pytest

from agent.core.vitality import Vitality
from agent.model.errors import (
    AgentError,
    CredentialsRefusedError,
    LeaseLostError,
    NewerBootError,
    RequestRefusedError,
    ServerUnavailableError,
)
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, Instant, LeaseId, Seconds
from agent.model.lease import LostReason, Stage
from agent.ports import Ask, Introduction, PollResult, Report, Result, Terms
from agent.runtime.observed import LONGEST_CALL, LONGEST_SILENCE, ObservedServer
from tests.fakes.observer import FakeObserver
from tests.runtime.world import CONTENT, WHO, World, offer_of
from tests.virtual_time import LoopClock

L1 = LeaseId("l1")
ASK = Ask(request_id="r1", wait=Seconds(25.0), free_slots=1, prefetch=0, max_input=Bytes(1 << 30))
REPORT = Report(Stage.DOWNLOADING, 0.0)
LIMIT = Seconds(80.0)


class Scripted:
    """Gives each call what the test has laid ready."""

    def __init__(self, *answers: object) -> None:
        self._answers = list(answers)

    async def poll(self, ask: Ask) -> PollResult:
        del ask
        answer = self._answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        if answer == "hang":
            await asyncio.Event().wait()
        assert isinstance(answer, PollResult)
        return answer

    async def hello(self, who: Introduction) -> Terms:
        raise NotImplementedError

    renew = complete = fail = release = sign_off = hello


def observed(*answers: object) -> tuple[ObservedServer, FakeObserver, Vitality]:
    observer, vitality = FakeObserver(), Vitality(LIMIT)
    server = ObservedServer(Scripted(*answers), vitality, observer)  # type: ignore[arg-type]
    return server, observer, vitality


def let_pass(vitality: Vitality, seconds: float) -> str | None:
    """Look as often as it wants to be looked at."""
    looks = int(seconds / vitality.look_every)
    for look in range(looks + 1):
        vitality.on_look(Instant(look * vitality.look_every))
    return vitality.trouble


async def test_a_poll_is_counted_with_what_it_brought() -> None:
    server, observer, _ = observed(
        PollResult(offer=None),
        PollResult(offer=None, skipped={"needs audio": 2, "too large": 1}),
        PollResult(offer=offer_of("j1", CONTENT)),
    )

    for _ in range(3):
        await server.poll(ASK)

    assert observer.calls == [
        ("poll", "nothing", "no job is waiting"),
        ("poll", "nothing", "the waiting jobs are not for us: 2 needs audio, 1 too large"),
        ("poll", "offer", ""),
    ]


@pytest.mark.parametrize(
    ("error", "word"),
    [
        (ServerUnavailableError("gone"), "unavailable"),
        (CredentialsRefusedError("who?"), "token_refused"),
        (LeaseLostError(LostReason.EXPIRED), "lease_lost"),
        (NewerBootError("another", boot_seq=None), "newer_boot"),
        (RequestRefusedError("what?"), "refused"),
    ],
)
async def test_a_call_that_fails_is_counted_and_still_fails(error: AgentError, word: str) -> None:
    server, observer, _ = observed(error)

    with pytest.raises(type(error)):
        await server.poll(ASK)

    assert observer.calls == [("poll", word, str(error))]


async def test_a_poll_inside_its_wait_is_no_trouble_and_one_that_hangs_is() -> None:
    server, _, vitality = observed("hang")
    poll = asyncio.create_task(server.poll(ASK))
    await asyncio.sleep(0)

    assert let_pass(vitality, ASK.wait) is None
    told = let_pass(vitality, LONGEST_CALL + LIMIT)

    assert told is not None
    assert told.startswith("the call poll does not end")
    poll.cancel()


async def test_a_poll_that_is_given_up_is_neither_counted_nor_missed() -> None:
    server, observer, vitality = observed("hang")
    poll = asyncio.create_task(server.poll(ASK))
    await asyncio.sleep(0)

    poll.cancel()
    await asyncio.wait([poll])

    assert observer.calls == []
    assert let_pass(vitality, LONGEST_SILENCE - LIMIT) is None


async def test_an_agent_that_asks_the_server_nothing_more_is_in_trouble() -> None:
    server, _, vitality = observed(PollResult(offer=None))

    await server.poll(ASK)

    assert let_pass(vitality, LONGEST_SILENCE) is None
    told = let_pass(vitality, LIMIT)
    assert told is not None
    assert told.startswith("the server is asked nothing more")


async def test_every_other_call_is_counted_too(clock: LoopClock, world: World) -> None:
    del clock
    observer = FakeObserver()
    server = ObservedServer(world.connection, Vitality(LIMIT), observer)
    world.add()
    await server.hello(WHO)
    offer = (await server.poll(ASK)).offer
    assert offer is not None
    lease = offer.lease_id

    await server.renew(lease, REPORT)
    await server.fail(lease, FailureCode.INTERNAL, "broken", "")
    for call in (
        server.release(lease, "late", None),
        server.complete(lease, Result(manifest=(), summary={}, metrics={})),
    ):
        with pytest.raises(LeaseLostError):
            await call
    await server.sign_off(())

    assert [(call, outcome) for call, outcome, _ in observer.calls] == [
        ("hello", "answered"),
        ("poll", "offer"),
        ("renew", "answered"),
        ("fail", "answered"),
        ("release", "lease_lost"),
        ("complete", "lease_lost"),
        ("sign_off", "answered"),
    ]
