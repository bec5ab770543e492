"""Hello, boots, resuming, sign-off."""

from pathlib import Path

import pytest

from tests.server.world import AgentSide, World, code_of, world

pytestmark = pytest.mark.real_time


def listed(offer: dict[str, str], stage: str = "processing") -> dict[str, str]:
    return {"job_id": offer["job_id"], "lease_id": offer["lease_id"], "stage": stage}


async def _holding(w: World, *, max_attempts: int = 3) -> tuple[AgentSide, dict[str, str]]:
    await w.submit(max_attempts=max_attempts)
    agent = await w.agent()
    return agent, await agent.take()


async def test_hello_tells_the_numbers_and_the_tus_extensions(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        welcome = (await w.agent_side().hello()).json()

        assert welcome == {
            "poll_wait_s": 25.0,
            "renew_every_s": 30.0,
            "lease_ttl_s": 90.0,
            "tus": ["creation", "creation-with-upload", "checksum", "termination"],
            "resuming": [],
            "messages": [],
        }


@pytest.mark.parametrize("field", ["boot_id", "capability", "content_types", "slots"])
async def test_a_required_field_that_is_missing_is_422_with_its_path(
    tmp_path: Path, field: str
) -> None:
    async with world(tmp_path) as w:
        agent = w.agent_side()
        body: dict[str, object] = {
            "boot_id": "b",
            "capability": "gpu",
            "content_types": ["audio"],
            "slots": 1,
        }
        del body[field]

        answer = await agent.http.put("/v1/agents/a1", json=body)

        assert code_of(answer) == (422, "invalid")
        assert answer.json()["field"] == field


async def test_unknown_fields_are_ignored(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert (await w.agent_side().hello(shoe_size=43)).status_code == 200


async def test_a_lower_boot_seq_is_409_with_the_current_number(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.agent(seq=7)

        answer = await w.agent_side(boot="boot-old", seq=6).hello()

        assert code_of(answer) == (409, "newer_boot")
        assert answer.json()["boot_seq"] == 7


async def test_every_call_of_a_superseded_boot_is_newer_boot(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        old, offer = await _holding(w)
        await old.reborn().hello()

        lease = offer["lease_id"]
        for answer in (
            await old.hello(),
            await old.ask(),
            await old.renew(lease),
            await old.say(lease, "release"),
            await old.say(lease, "complete", manifest=[]),
            await old.create_upload(lease, "a.md", b"x"),
            await old.http.get(f"/v1/leases/{lease}/input", headers=old.boot_header),
            await old.sign_off(),
        ):
            assert code_of(answer) == (409, "newer_boot")


async def test_without_boot_seq_the_order_of_first_hello_counts(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        first = await w.agent(seq=None)
        second = first.reborn(seq=None)
        assert (await second.hello()).status_code == 200

        assert code_of(await first.hello()) == (409, "newer_boot")
        assert (await second.hello()).status_code == 200


async def test_a_resumed_lease_gets_a_new_id_and_the_old_one_is_fenced_off(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        old, offer = await _holding(w)
        new = old.reborn()

        (resumed,) = (await new.hello(listed(offer))).json()["resuming"]

        assert (resumed["lease_id"], resumed["state"]) == (offer["lease_id"], "ok")
        assert resumed["new_lease_id"] != offer["lease_id"]
        assert resumed["input"]["url"] == f"/v1/leases/{resumed['new_lease_id']}/input"
        assert resumed["artifacts"]["url"] == f"/v1/leases/{resumed['new_lease_id']}/artifacts"
        assert (await new.renew(resumed["new_lease_id"])).status_code == 200
        fenced = await new.renew(offer["lease_id"])
        assert (fenced.status_code, fenced.json()["reason"]) == (409, "superseded")


async def test_the_same_hello_again_gives_the_same_ids(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        old, offer = await _holding(w)
        new = old.reborn()

        once = (await new.hello(listed(offer))).json()
        twice = (await new.hello(listed(offer))).json()

        assert once == twice


async def test_an_entry_that_names_any_lease_id_of_the_attempt_counts_as_the_current_one(
    tmp_path: Path,
) -> None:
    """The answers to two hellos were lost: the third boot still knows only the first id."""
    async with world(tmp_path) as w:
        old, offer = await _holding(w)
        second = old.reborn("boot-2", 2)
        (lost,) = (await second.hello(listed(offer))).json()["resuming"]
        third = old.reborn("boot-3", 3)

        (resumed,) = (await third.hello(listed(offer))).json()["resuming"]

        assert resumed["state"] == "ok"
        assert resumed["new_lease_id"] not in {offer["lease_id"], lost["new_lease_id"]}
        assert (await third.renew(resumed["new_lease_id"])).status_code == 200


async def test_a_lease_that_ran_out_is_resumed_while_nobody_else_holds_the_job(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        old, offer = await _holding(w, max_attempts=1)
        await w.after(91)

        (resumed,) = (await old.reborn().hello(listed(offer))).json()["resuming"]

        assert resumed["state"] == "ok"
        assert await w.state(offer["job_id"]) == "leased"


async def test_a_lease_is_lost_once_another_agent_holds_the_job(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        old, offer = await _holding(w)
        await w.after(91)
        other = await w.agent("a2")
        await other.take()

        answer = await old.reborn().hello(listed(offer))

        assert answer.json()["resuming"] == [{"lease_id": offer["lease_id"], "state": "lost"}]


async def test_a_lease_that_the_server_never_gave_is_lost(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        other, offer = await _holding(w)
        unknown = {"job_id": "j", "lease_id": "never", "stage": "queued"}

        answer = await w.agent_side("a2").hello(unknown, listed(offer))

        assert [line["state"] for line in answer.json()["resuming"]] == ["lost", "lost"]
        assert (await other.renew(offer["lease_id"])).status_code == 200


async def test_a_listed_offer_counts_as_accepted(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        await w.submit()
        old = await w.agent()
        offer = (await old.poll())["offer"]

        (resumed,) = (await old.reborn().hello(listed(offer))).json()["resuming"]

        assert resumed["state"] == "ok"
        assert await w.state(offer["job_id"]) == "leased"


async def test_resuming_never_changes_leases_of_the_same_boot(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, offer = await _holding(w)

        (resumed,) = (await agent.hello(listed(offer))).json()["resuming"]

        assert resumed["new_lease_id"] == offer["lease_id"]
        assert (await agent.renew(offer["lease_id"])).status_code == 200


async def test_uploads_move_along_and_are_created_again_with_their_offset(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        old, offer = await _holding(w)
        content = b"0123456789"
        created = await old.create_upload(offer["lease_id"], "a.md", content)
        await old.patch(created.headers["location"], 0, content[:6])
        new = old.reborn()
        (resumed,) = (await new.hello(listed(offer, "uploading"))).json()["resuming"]

        again = await new.create_upload(resumed["new_lease_id"], "a.md", content)
        head = await new.head(again.headers["location"])

        assert (again.status_code, head.headers["upload-offset"]) == (201, "6")
        void = await new.head(created.headers["location"])
        assert void.status_code == 409


async def test_leases_of_an_older_boot_that_are_not_listed_go_back_at_once(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        old, offer = await _holding(w)

        await old.reborn().hello()

        assert await w.state(offer["job_id"]) == "queued"


async def test_sign_off_releases_what_is_held_and_cannot_be_undone(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, offer = await _holding(w)

        assert (await agent.sign_off()).status_code == 204

        assert await w.state(offer["job_id"]) == "queued"
        assert (await agent.sign_off()).status_code == 204
        assert code_of(await agent.ask()) == (409, "newer_boot")
        assert code_of(await agent.hello()) == (409, "newer_boot")
        assert (await agent.reborn().hello()).status_code == 200
        assert (await agent.sign_off()).status_code == 204


async def test_kept_leases_run_on_and_are_delivered_by_the_next_start(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, offer = await _holding(w)

        await agent.sign_off(offer["lease_id"])
        assert await w.state(offer["job_id"]) == "leased"
        await w.after(200)
        new = agent.reborn()
        (resumed,) = (await new.hello(listed(offer, "uploading"))).json()["resuming"]
        done = await new.finish(resumed["new_lease_id"], **{"a.md": b"kept"})

        assert done.json()["state"] == "completed"


async def test_calls_of_an_unknown_agent_or_boot_are_unknown_agent(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        stranger = w.agent_side("never-seen")
        known = await w.agent("a1")

        assert code_of(await stranger.ask()) == (404, "unknown_agent")
        assert code_of(await stranger.renew("lease")) == (404, "unknown_agent")
        assert code_of(await known.reborn().ask()) == (404, "unknown_agent")
        assert code_of(await stranger.sign_off()) == (404, "unknown_agent")


async def test_a_write_about_a_lease_without_a_boot_is_400(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, offer = await _holding(w)
        url = f"/v1/leases/{offer['lease_id']}/renew"

        assert code_of(await agent.http.post(url, json={})) == (400, "bad_request")
        in_body = await agent.http.post(url, json={"boot_id": agent.boot})
        assert in_body.status_code == 200
        differing = await agent.http.post(url, json={"boot_id": "other"}, headers=agent.boot_header)
        assert code_of(differing) == (400, "bad_request")


async def test_a_cancelled_job_is_not_resumed(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        old, offer = await _holding(w)
        await w.client.post(f"/v1/jobs/{offer['job_id']}/cancel")

        answer = await old.reborn().hello(listed(offer))

        assert answer.json()["resuming"][0]["state"] == "lost"
