import asyncio

import httpx
import pytest
import respx

from agent.core.backoff import Backoff
from agent.core.lease_keeper import LeaseKeeper, OfferRanOut, Renew
from agent.core.verdict import Drop, Fail, Release, StopAgent, verdict
from agent.edges.native_server import NativeServer
from agent.model.errors import (
    AgentError,
    DiskFullError,
    LeaseLostError,
    NewerBootError,
    RequestRefusedError,
    ServerError,
    ServerUnavailableError,
    UnknownAgentError,
)
from agent.model.failures import FailureCode
from agent.model.ids import Instant, Seconds
from agent.model.lease import Directive, LeaseState, LostReason, Renewal
from tests.core.dice import Lowest
from tests.edges.server import BOOT, problem
from tests.protocol.agent_side import L1, LEASE, NO_RESULT, REPORT, agent_side, hang, sent

RENEWED = {"state": "ok", "ttl_s": 90, "renew_in_s": 30}
WRITES = ["renew", "complete", "fail", "release"]


def offered() -> LeaseKeeper:
    return LeaseKeeper(
        offer_ttl=Seconds(15.0),
        lease_ttl=Seconds(90.0),
        received_at=Instant(0.0),
        backoff=Backoff(Seconds(1.0), Seconds(60.0), Lowest()),
    )


def held(ttl: float = 90.0) -> LeaseKeeper:
    keeper = offered()
    renewal = Renewal(LeaseState.OK, Seconds(ttl), Seconds(30.0), Directive.CONTINUE)
    keeper.on_renewed(renewal, asked_at=Instant(0.0))
    return keeper


async def write(server: NativeServer, call: str) -> None:
    match call:
        case "renew":
            await server.renew(L1, REPORT)
        case "complete":
            await server.complete(L1, NO_RESULT)
        case "fail":
            await server.fail(L1, FailureCode.INTERNAL, "broken", "")
        case _:
            await server.release(L1, "disk_full", Seconds(60.0))


async def refused(call: str, answer: httpx.Response) -> ServerError:
    respx.post(f"{LEASE}/{call}").mock(return_value=answer)
    async with agent_side() as server:
        with pytest.raises(ServerError) as caught:
            await write(server, call)
    return caught.value


def test_an_offer_is_accepted_by_a_renewal_at_once() -> None:
    assert isinstance(offered().on_wakeup(Instant(0.0)), Renew)


def test_an_offer_that_runs_out_is_given_up() -> None:
    assert offered().on_wakeup(Instant(15.0)) == OfferRanOut()


def test_nothing_is_held_before_one_renewal_has_succeeded() -> None:
    assert not offered().is_accepted


def test_a_lease_counts_from_when_it_was_asked_for() -> None:
    keeper = held()

    assert keeper.holds(Instant(89.9))
    assert not keeper.holds(Instant(90.0))


def test_the_renewal_call_ends_by_the_time_the_lease_does() -> None:
    assert held().on_wakeup(Instant(75.0)) == Renew(Instant(90.0))


def test_the_latest_renewals_times_win() -> None:
    assert held(ttl=600.0).holds(Instant(599.0))


def test_a_lease_that_ran_out_is_revived_by_any_renewal() -> None:
    keeper = held()
    keeper.on_wakeup(Instant(1000.0))
    renewal = Renewal(LeaseState.OK, Seconds(90.0), Seconds(30.0), Directive.CONTINUE)

    keeper.on_renewed(renewal, asked_at=Instant(1000.0))

    assert keeper.holds(Instant(1089.0))


def test_retry_after_counts_up_to_a_third_of_the_time_left() -> None:
    keeper = held()

    keeper.on_renewal_failed(Instant(30.0), Seconds(900.0))

    assert keeper.next_wakeup == 30.0 + 60.0 / 3


@pytest.mark.parametrize("call", WRITES)
@respx.mock
async def test_every_write_carries_its_lease_and_its_boot(call: str) -> None:
    route = respx.post(f"{LEASE}/{call}").respond(json=RENEWED)

    async with agent_side() as server:
        await write(server, call)

    request = route.calls.last.request
    assert (request.url.path, request.headers["agent-boot-id"]) == (f"/v1/leases/l1/{call}", BOOT)


@pytest.mark.parametrize("call", WRITES)
@respx.mock
async def test_every_write_may_be_repeated(call: str) -> None:
    route = respx.post(f"{LEASE}/{call}").respond(json=RENEWED)

    async with agent_side() as server:
        await write(server, call)
        await write(server, call)

    assert route.calls[0].request.content == route.calls[1].request.content


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
@respx.mock
async def test_a_busy_or_broken_server_is_transient(call: str, status: int) -> None:
    error = await refused(call, httpx.Response(status))

    assert type(error) is ServerUnavailableError


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("status", [200, 400, 403, 404, 409, 422])
@respx.mock
async def test_whoever_speaks_without_our_codes_is_transient(call: str, status: int) -> None:
    error = await refused(call, httpx.Response(status, content=b"<html>"))

    assert type(error) is ServerUnavailableError


@pytest.mark.parametrize("call", WRITES)
@respx.mock
async def test_a_server_that_does_not_answer_is_transient(call: str) -> None:
    respx.post(f"{LEASE}/{call}").mock(side_effect=hang)

    async with agent_side() as server:
        with pytest.raises(ServerUnavailableError):
            await write(server, call)

    assert asyncio.get_running_loop().time() == 30.0


@pytest.mark.parametrize("call", WRITES)
@pytest.mark.parametrize("reason", ["expired", "superseded", "cancelled", "completed"])
@respx.mock
async def test_a_lost_lease_is_lost_for_its_reason(call: str, reason: str) -> None:
    error = await refused(call, problem("lease_lost", reason=reason))

    assert isinstance(error, LeaseLostError)
    assert verdict(error) == Drop(LostReason(reason))


@respx.mock
async def test_an_unknown_lease_is_lost() -> None:
    assert isinstance(await refused("renew", problem("unknown_lease")), LeaseLostError)


@respx.mock
async def test_an_unknown_agent_is_told_apart() -> None:
    assert isinstance(await refused("renew", problem("unknown_agent")), UnknownAgentError)


@pytest.mark.parametrize("call", WRITES)
@respx.mock
async def test_a_newer_boot_stops_the_agent(call: str) -> None:
    error = await refused(call, problem("newer_boot"))

    assert isinstance(error, NewerBootError)
    assert isinstance(verdict(error), StopAgent)


@pytest.mark.parametrize("code", ["bad_request", "too_large", "unsupported_type", "invalid"])
@respx.mock
async def test_a_refused_request_is_a_bug_and_fails_the_job(code: str) -> None:
    error = await refused("renew", problem(code, detail="wrong"))

    assert isinstance(error, RequestRefusedError)
    ending = verdict(error)
    assert isinstance(ending, Fail)
    assert ending.code is FailureCode.INTERNAL


@pytest.mark.parametrize("state", list(LeaseState))
@respx.mock
async def test_every_state_of_a_lease_is_understood(state: LeaseState) -> None:
    respx.post(f"{LEASE}/renew").respond(json={**RENEWED, "state": state.value})

    async with agent_side() as server:
        assert (await server.renew(L1, REPORT)).state is state


@respx.mock
async def test_a_release_asks_for_a_pause() -> None:
    route = respx.post(f"{LEASE}/release").respond(json={})

    async with agent_side() as server:
        await server.release(L1, "disk_full", Seconds(60.0))

    assert sent(route) == {"boot_id": BOOT, "reason": "disk_full", "retry_after_s": 60.0}


def test_what_is_the_boxs_fault_is_released_not_failed() -> None:
    error: AgentError = DiskFullError("no space left")

    assert verdict(error) == Release("disk_full: no space left", is_box_fault=True)
