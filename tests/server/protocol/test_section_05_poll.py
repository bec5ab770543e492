"""The long poll: offers, order, directives, repeats."""

import asyncio
from pathlib import Path

import pytest

from tests.server.world import World, code_of, world

pytestmark = pytest.mark.real_time
SOON = 5.0


async def _parked(w: World, count: int = 1) -> None:
    async with asyncio.timeout(SOON):
        while len(w.server.running.matchmaker) < count:
            await asyncio.sleep(0.01)


async def test_an_offer_carries_everything_that_the_job_needs(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit(b"hello", options={"language": "de"}, timeout_s=60)
        agent = await w.agent()

        offer = (await agent.poll())["offer"]

        lease_id = offer["lease_id"]
        assert len(lease_id) * 6 >= 128
        assert offer == {
            "job_id": job_id,
            "lease_id": lease_id,
            "attempt": 1,
            "offer_ttl_s": 15.0,
            "lease_ttl_s": 90.0,
            "queue": "gpu_fallback",
            "content_type": "audio",
            "options": {"language": "de"},
            "input": {
                "url": f"/v1/leases/{lease_id}/input",
                "size": 5,
                "sha256": "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824",
                "etag": '"2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"',
                "filename": "a.mp3",
                "media_type": None,
            },
            "artifacts": {"transport": "tus", "url": f"/v1/leases/{lease_id}/artifacts"},
            "timeout_s": 60.0,
        }


async def test_the_order_is_queue_then_priority_then_age(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        wanted = {
            "later": await w.submit(queue="else", priority=1000),
            "cpu": await w.submit(queue="cpu_standard", priority=1000),
            "old": await w.submit(queue="gpu_fallback"),
            "new": await w.submit(queue="gpu_fallback"),
            "urgent": await w.submit(queue="gpu_fallback", priority=1),
            "first": await w.submit(queue="gpu_priority", priority=-1),
        }
        agent = await w.agent()

        served = [(await agent.take())["job_id"] for _ in wanted]

        names = ("first", "urgent", "old", "new", "cpu", "later")
        assert served == [wanted[name] for name in names]


async def test_waiting_jobs_that_do_not_fit_are_counted_by_reason(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit(content_type="video")
        await w.submit(queue="cpu_standard")
        await w.submit(b"x" * 100)
        agent = await w.agent(queues=("gpu_fallback",))

        answer = await agent.poll(max_input_bytes=99)

        assert answer["offer"] is None
        assert answer["skipped"] == {"content_type": 1, "queue": 1, "too_large": 1}


async def test_a_poll_narrows_what_hello_said(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        agent = await w.agent(types=("audio", "video"))

        assert (await agent.poll(content_types=["video"]))["offer"] is None
        assert (await agent.poll())["offer"] is not None


async def test_polling_with_nothing_free_gets_no_offer(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        agent = await w.agent()

        assert (await agent.poll(free_slots=0, prefetch=0))["offer"] is None
        assert (await agent.poll(free_slots=0, prefetch=1))["offer"] is not None


async def test_a_parked_poll_is_woken_by_a_new_job(tmp_path: Path) -> None:
    async with world(tmp_path) as w, asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        agent = await w.agent()
        poll = group.create_task(agent.poll(wait_s=20))
        await _parked(w)

        job_id = await w.submit()

        assert (await poll)["offer"]["job_id"] == job_id


async def test_agents_with_a_free_slot_go_before_those_that_prefetch(tmp_path: Path) -> None:
    async with world(tmp_path) as w, asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        early, late = await w.agent("prefetching"), await w.agent("free")
        prefetching = group.create_task(early.poll(wait_s=1, free_slots=0, prefetch=1))
        await _parked(w)
        free = group.create_task(late.poll(wait_s=20))
        await _parked(w, 2)

        await w.submit()

        assert (await free)["offer"] is not None
        assert (await prefetching)["offer"] is None


async def test_a_superseded_poll_is_answered_with_no_offer_at_once(tmp_path: Path) -> None:
    async with world(tmp_path) as w, asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        agent = await w.agent()
        first = group.create_task(agent.poll(wait_s=20))
        await _parked(w)

        second = group.create_task(agent.poll(wait_s=20))

        assert (await first)["offer"] is None
        await w.submit()
        assert (await second)["offer"] is not None


async def test_a_new_request_gets_an_unaccepted_offer_again(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        await w.submit()
        agent = await w.agent()

        lost = (await agent.poll())["offer"]
        again = (await agent.poll())["offer"]

        assert again["lease_id"] == lost["lease_id"]


async def test_a_repeated_request_gets_the_same_offer_while_it_stands(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        await w.submit()
        agent = await w.agent()

        once = (await agent.poll(request_id="r"))["offer"]
        twice = (await agent.poll(request_id="r"))["offer"]
        await agent.renew(once["lease_id"])

        assert once["lease_id"] == twice["lease_id"]
        assert (await agent.poll(request_id="r", wait_s=20))["offer"] is None


async def test_a_repeated_request_that_was_answered_without_an_offer_gets_none(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        agent = await w.agent()
        assert (await agent.poll(request_id="r"))["offer"] is None
        await w.submit()

        assert (await agent.poll(request_id="r", wait_s=20))["offer"] is None
        assert (await agent.poll(request_id="s"))["offer"] is not None


@pytest.mark.parametrize("directive", ["pause", "drain", "stop"])
async def test_a_directive_wakes_the_poll_and_stops_offers(tmp_path: Path, directive: str) -> None:
    async with world(tmp_path) as w, asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        agent = await w.agent()
        poll = group.create_task(agent.poll(wait_s=20))
        await _parked(w)

        order = {"directive": directive, "reason": "games night"}
        await w.client.post("/v1/agents/a1/directive", json=order)

        told = await poll
        assert (told["offer"], told["directive"], told["reason"]) == (
            None,
            directive,
            "games night",
        )
        await w.submit()
        assert (await agent.poll())["offer"] is None


async def test_a_paused_agent_may_park_as_a_heartbeat_and_hears_continue_at_once(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w, asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        agent = await w.agent()
        await w.client.post("/v1/agents/a1/directive", json={"directive": "pause"})
        assert (await agent.poll(wait_s=20))["directive"] == "pause"
        heartbeat = group.create_task(agent.poll(wait_s=20, free_slots=0))
        await _parked(w)

        await w.client.post("/v1/agents/a1/directive", json={"directive": "continue"})

        assert (await heartbeat)["directive"] == "continue"


@pytest.mark.parametrize(("directive", "next_boot"), [("drain", "continue"), ("pause", "pause")])
async def test_drain_is_bound_to_a_boot_and_pause_stays(
    tmp_path: Path, directive: str, next_boot: str
) -> None:
    async with world(tmp_path) as w:
        agent = await w.agent()
        await w.client.post("/v1/agents/a1/directive", json={"directive": directive})
        await agent.sign_off()
        new = agent.reborn()
        await new.hello()

        assert (await new.poll())["directive"] == next_boot


async def test_a_poll_waits_no_longer_than_it_asked(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent = await w.agent()

        async with asyncio.timeout(SOON):
            answer = await agent.poll(wait_s=0.05)

        assert answer == {
            "offer": None,
            "skipped": {},
            "directive": "continue",
            "reason": None,
        }


async def test_a_wait_above_fifty_seconds_is_invalid(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent = await w.agent()

        assert code_of(await agent.ask(wait_s=51)) == (422, "invalid")


async def test_the_poll_of_a_superseded_boot_is_told_so_at_once(tmp_path: Path) -> None:
    async with world(tmp_path) as w, asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        old = await w.agent()
        poll = group.create_task(old.ask(wait_s=20))
        await _parked(w)

        await old.reborn().hello()

        assert code_of(await poll) == (409, "newer_boot")


async def test_parked_polls_are_answered_when_the_server_stops(tmp_path: Path) -> None:
    async with world(tmp_path) as w, asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        agent = await w.agent()
        poll = group.create_task(agent.poll(wait_s=20))
        await _parked(w)

        w.server.stop_waiting()

        assert (await poll)["offer"] is None


async def test_a_delayed_job_reaches_a_parked_poll_when_its_time_has_come(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w, asyncio.timeout(SOON), asyncio.TaskGroup() as group:
        await w.submit()
        agent = await w.agent()
        offer = await agent.take()
        await agent.say(offer["lease_id"], "release")
        poll = group.create_task(agent.poll(wait_s=20))
        await _parked(w)

        await w.after(31)

        assert (await poll)["offer"] is not None
