import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import pairwise

import pytest

from agent.core.lease_keeper import NEWS_SPACING, STEP_SPACING
from agent.core.verdict import Fail, Release, Verdict
from agent.model.errors import (
    LeaseLostError,
    NewerBootError,
    RequestRefusedError,
    ServerUnavailableError,
)
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, JobId, Seconds
from agent.model.lease import Directive, LeaseState, LostReason, Received, Stage
from agent.ports import Ask, Report
from agent.runtime.renewal import LeaseHolder
from tests.fakes.ledger import Spell
from tests.runtime.conftest import Lines
from tests.runtime.world import HOUR, WHO, World
from tests.virtual_time import LoopClock

RENEW = frozenset({"renew"})
ASK = Ask(request_id="r1", wait=Seconds(5.0), free_slots=1, prefetch=0, max_input=Bytes(1 << 30))


class Holding:
    """One offer, as it was just received."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.ends: list[Verdict] = []
        self.directives: list[tuple[Directive, str | None]] = []
        self.report = Report(Stage.DOWNLOADING, 0.0)

    async def holder(self) -> LeaseHolder:
        self.world.add()
        await self.world.connection.hello(WHO)
        offer = (await self.world.connection.poll(ASK)).offer
        assert offer is not None
        return LeaseHolder(
            Received(offer, self.world.clock.now()),
            self.world.tools,
            self.world.policy,
            report=lambda: self.report,
            on_directive=lambda said, reason: self.directives.append((said, reason)),
            on_end=self.ends.append,
        )

    async def for_(self, seconds: float) -> list[float]:
        """Hold for so long; when renewals were asked for."""
        holder = await self.holder()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await holder.hold()
        return [*self.world.server.times("renew")]

    @asynccontextmanager
    async def meanwhile(self) -> AsyncIterator[LeaseHolder]:
        holder = await self.holder()
        async with asyncio.TaskGroup() as scope:
            task = scope.create_task(holder.hold())
            yield holder
            task.cancel()


@pytest.fixture
def holding(world: World) -> Holding:
    return Holding(world)


async def test_the_first_renewal_comes_at_once_and_accepts_the_offer(holding: Holding) -> None:
    async with holding.meanwhile() as holder:
        await holder.accepted()

        assert holding.world.server.times("renew") == [0.0]
        assert holding.world.server.jobs[JobId("j1")].state == "leased"


async def test_renewals_come_a_little_earlier_than_the_server_asks(holding: Holding) -> None:
    assert await holding.for_(100.0) == [0.0, 27.0, 54.0, 81.0]


async def test_renewals_count_from_asking_not_from_the_answer(holding: Holding) -> None:
    holding.world.server.answer_takes = Seconds(5.0)

    assert await holding.for_(100.0) == pytest.approx([10.0, 37.0, 64.0, 91.0])


async def test_the_owner_may_want_shorter_renewals(holding: Holding) -> None:
    holding.world.set_policy(renew_every=Seconds(20.0))

    assert await holding.for_(60.0) == [0.0, 18.0, 36.0, 54.0]


async def test_the_server_may_want_shorter_renewals_than_the_owner(holding: Holding) -> None:
    holding.world.server.renew_in = Seconds(10.0)

    assert await holding.for_(30.0) == [0.0, 9.0, 18.0, 27.0]


async def test_failed_renewals_are_tried_again_sooner(holding: Holding) -> None:
    holding.world.server.outages = [Spell(10.0, 60.0, RENEW)]

    # Pauses of 1, 2, 4, 8 and 16 s; the sixth would be 32 s, and is cut to the server's 30.
    assert await holding.for_(100.0) == [0.0, 27.0, 28.0, 30.0, 34.0, 42.0, 58.0, 88.0]


async def test_a_lost_answer_to_the_first_renewal_costs_a_second(holding: Holding) -> None:
    holding.world.server.lose_answers = {"renew": 1}

    assert await holding.for_(20.0) == [0.0, 1.0]


async def test_retry_after_counts_up_to_a_third_of_the_time_left(holding: Holding) -> None:
    async with holding.meanwhile():
        await holding.world.sleep_until(1.0)
        slow_down = ServerUnavailableError("slow down", retry_after=Seconds(900.0))
        holding.world.server.errors = {"renew": deque([slow_down])}

        await holding.world.sleep_until(60.0)

    # At 27 s there are 63 s left.
    assert holding.world.server.times("renew") == [0.0, 27.0, 27.0 + 63.0 / 3]


async def test_renewals_go_on_after_the_lease_ran_out(holding: Holding, lines: Lines) -> None:
    holding.world.server.outages = [Spell(10.0, HOUR, RENEW)]

    renewed_at = await holding.for_(HOUR + 60.0)

    assert all(later - at <= 30.0 for at, later in pairwise(renewed_at))
    assert holding.world.server.reports[-1][0] > HOUR
    failed = [line["still_held"] for line in lines if line["event"] == "lease.renewal_failed"]
    assert (failed[0], failed[-1]) == (True, False)


async def test_a_renewal_that_hangs_is_cut_in_time_for_another(holding: Holding) -> None:
    holding.world.server.hangs = [Spell(10.0, 40.0, RENEW)]
    holding.world.server.hangs_for = Seconds(HOUR)

    assert await holding.for_(60.0) == [0.0, 27.0, 58.0]


async def test_a_renewal_that_hangs_is_cut_when_the_lease_ends(holding: Holding) -> None:
    holding.world.server.hangs = [Spell(10.0, 80.0, RENEW)]
    holding.world.server.hangs_for = Seconds(HOUR)

    # The second try would have until 88 s, the third has until the end of the lease only.
    assert await holding.for_(100.0) == [0.0, 27.0, 58.0, 90.0]


async def test_a_late_renewal_that_hangs_is_cut_too(holding: Holding) -> None:
    holding.world.server.hangs = [Spell(10.0, 100.0, RENEW)]
    holding.world.server.hangs_for = Seconds(HOUR)

    # The try at 90 s is cut after the 30 s between renewals; then a pause of 4 s.
    assert await holding.for_(130.0) == [0.0, 27.0, 58.0, 90.0, 124.0]


async def test_an_offer_whose_acceptance_hangs_is_asked_on_until_the_server_speaks(
    holding: Holding, clock: LoopClock
) -> None:
    holding.world.server.hangs = [Spell(end=60.0, calls=RENEW)]
    holding.world.server.hangs_for = Seconds(HOUR)
    holder = await holding.holder()

    with pytest.raises(LeaseLostError) as lost:
        await holder.hold()

    assert lost.value.reason is LostReason.EXPIRED
    assert 60.0 <= clock.now() <= 75.0


async def test_an_offer_that_cannot_be_accepted_is_tried_until_the_server_speaks(
    holding: Holding, clock: LoopClock
) -> None:
    holding.world.server.outages = [Spell(end=60.0, calls=RENEW)]
    holder = await holding.holder()

    with pytest.raises(LeaseLostError):
        await holder.hold()

    # The last pause is half of the offer's time.
    asked = holding.world.server.times("renew")
    assert asked[:6] == [0.0, 1.0, 3.0, 7.0, 14.5, 22.0]
    assert asked[-1] == clock.now() <= 67.5


async def test_nothing_is_accepted_before_a_renewal_has_succeeded(holding: Holding) -> None:
    holding.world.server.outages = [Spell(0.0, 5.0, RENEW)]

    async with holding.meanwhile() as holder:
        await holder.accepted()

        assert holding.world.clock.now() == 7.0


async def test_a_lease_that_somebody_else_has_is_lost_at_once(
    holding: Holding, clock: LoopClock
) -> None:
    holder = await holding.holder()
    lost_by = LeaseLostError(LostReason.SUPERSEDED)
    asyncio.get_running_loop().call_later(
        10.0, lambda: holding.world.server.errors.update(renew=deque([lost_by]))
    )

    with pytest.raises(LeaseLostError) as lost:
        await holder.hold()

    assert lost.value.reason is LostReason.SUPERSEDED
    assert clock.now() == 27.0


async def test_a_later_boot_is_heard_of(holding: Holding) -> None:
    holder = await holding.holder()
    holding.world.server.errors = {"renew": deque([NewerBootError("newer", boot_seq=2)])}

    with pytest.raises(NewerBootError):
        await holder.hold()


async def test_a_server_that_forgot_us_hears_hello_and_the_renewal_again(
    holding: Holding,
) -> None:
    holding.world.server.forgets_at = deque([20.0])

    renewed_at = await holding.for_(30.0)

    assert renewed_at == [0.0, 27.0, 27.0]
    assert holding.world.server.times("hello") == [0.0, 27.0]


async def test_a_refused_token_is_tried_again_after_30_s_and_then_more_rarely(
    holding: Holding,
) -> None:
    holding.world.server.token_refused = [Spell(20.0, 200.0, RENEW), Spell(260.0, 280.0, RENEW)]

    renewed_at = await holding.for_(300.0)

    assert renewed_at == [0.0, 27.0, 57.0, 117.0, 237.0, 264.0, 294.0]


async def test_a_renewal_that_the_server_calls_wrong_ends_the_job_and_is_not_repeated(
    holding: Holding,
) -> None:
    async with holding.meanwhile():
        await holding.world.sleep_until(1.0)
        holding.world.server.errors = {"renew": deque([RequestRefusedError("422")])}
        await holding.world.sleep_until(HOUR)

    assert holding.ends == [Fail(FailureCode.INTERNAL, "422")]
    assert holding.world.server.times("renew") == [0.0, 27.0]


@pytest.mark.parametrize("state", [LeaseState.CANCEL, LeaseState.CANCEL_NOW])
async def test_a_cancelled_job_is_ended_while_renewals_go_on(
    holding: Holding, state: LeaseState
) -> None:
    holding.world.server.cancels = {JobId("j1"): (20.0, state)}

    renewed_at = await holding.for_(60.0)

    assert holding.ends == [Release("cancelled by its owner")] * 2
    assert renewed_at == [0.0, 27.0, 54.0]


async def test_directives_are_passed_on_with_their_reason(holding: Holding) -> None:
    holding.world.server.directives = [(20.0, Directive.PAUSE, "the owner plays")]

    await holding.for_(30.0)

    assert holding.directives == [
        (Directive.CONTINUE, None),
        (Directive.PAUSE, "the owner plays"),
    ]


async def test_news_of_the_job_are_renewed_soon_but_not_in_a_flood(holding: Holding) -> None:
    async with holding.meanwhile() as holder:
        for when in (2.0, 20.0, 20.5, 21.0):
            await holding.world.sleep_until(when)
            holder.tell(NEWS_SPACING)
        await holding.world.sleep_until(40.0)

    assert holding.world.server.times("renew") == [0.0, 5.0, 20.0, 25.0]


async def test_a_new_step_of_the_job_is_told_sooner_than_its_progress(holding: Holding) -> None:
    async with holding.meanwhile() as holder:
        await holding.world.sleep_until(2.0)
        holder.tell(STEP_SPACING)
        await holding.world.sleep_until(2.5)
        holder.tell(STEP_SPACING)
        await holding.world.sleep_until(10.0)

    assert holding.world.server.times("renew") == [0.0, 2.0, 3.0]


async def test_a_renewal_carries_what_the_job_says_of_itself_now(holding: Holding) -> None:
    async with holding.meanwhile():
        await holding.world.sleep_until(10.0)
        holding.report = Report(Stage.PROCESSING, 0.5, "half")
        await holding.world.sleep_until(30.0)

    assert [report for _, _, report in holding.world.server.reports] == [
        Report(Stage.DOWNLOADING, 0.0),
        Report(Stage.PROCESSING, 0.5, "half"),
    ]
