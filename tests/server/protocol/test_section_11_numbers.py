"""The numbers of section 11, and those of other sections that a default decides."""

from pathlib import Path

import pytest

from agent.server.settings import ServerSettings
from tests.server.world import world

pytestmark = pytest.mark.real_time
POLL_WAIT, LEASE, RENEW_EVERY, OFFER = 25, 90, 30, 15
HOUR = 3600


async def test_hello_tells_the_numbers(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        told = (await w.agent_side().hello()).json()

        names = ("poll_wait_s", "renew_every_s", "lease_ttl_s")
        assert [told[name] for name in names] == [POLL_WAIT, RENEW_EVERY, LEASE]


async def test_an_offer_and_a_renewal_tell_the_numbers(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        agent = await w.agent()

        offer = (await agent.poll())["offer"]
        renewed = (await agent.renew(offer["lease_id"])).json()

        assert (offer["offer_ttl_s"], offer["lease_ttl_s"]) == (OFFER, LEASE)
        assert (renewed["ttl_s"], renewed["renew_in_s"]) == (LEASE, RENEW_EVERY)


async def test_an_offer_stands_for_15_seconds(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        await (await w.agent()).poll()

        await w.after(OFFER - 0.1)
        assert await w.state(job_id) == "offered"
        await w.after(0.1)
        assert await w.state(job_id) == "queued"


async def test_a_lease_holds_for_90_seconds_from_its_last_renewal(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()
        lease = (await agent.take())["lease_id"]
        await w.after(RENEW_EVERY)
        await agent.renew(lease)

        await w.after(LEASE - 0.1)
        assert await w.state(job_id) == "leased"
        await w.after(0.1)
        assert await w.state(job_id) == "queued"


async def test_the_last_attempt_has_a_grace_of_one_hour(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(max_attempts=1)
        await (await w.agent()).take()
        await w.after(LEASE)

        await w.after(HOUR - 0.1)
        assert await w.state(job_id) == "queued"
        await w.after(0.1)
        assert await w.state(job_id) == "failed"


async def test_an_agent_silent_for_three_renewal_intervals_is_offline(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.agent()

        async def is_online() -> bool:
            (shown,) = (await w.client.get("/v1/agents")).json()["agents"]
            online: bool = shown["online"]
            return online

        await w.after(3 * RENEW_EVERY)
        assert await is_online()
        await w.after(0.1)
        assert not await is_online()


async def test_a_job_has_three_attempts_if_nobody_says_otherwise(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert (await w.job(await w.submit()))["max_attempts"] == 3


def test_no_server_waits_longer_with_a_poll_than_50_seconds(tmp_path: Path) -> None:
    ServerSettings(folder=tmp_path, poll_wait_s=50)
    with pytest.raises(ValueError, match="at most 50"):
        ServerSettings(folder=tmp_path, poll_wait_s=50.1)
