"""Tokens: whose they are, and what they open."""

import asyncio
from pathlib import Path

import pytest

from agent.server.tokens import TokenKind, create_token, list_tokens, revoke_token
from tests.server.world import caller, code_of, world

pytestmark = pytest.mark.real_time


async def test_no_token_and_an_unknown_token_are_401(tmp_path: Path) -> None:
    async with world(tmp_path) as w, caller(w.app, "guess") as guesser:
        nobody = await w.stranger.get("/v1/jobs")

        assert code_of(nobody) == (401, "unauthorized")
        assert nobody.headers["www-authenticate"].startswith("Bearer")
        assert code_of(await guesser.get("/v1/jobs")) == (401, "unauthorized")


async def test_an_agent_token_opens_its_own_agent_only(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        agent, other = await w.agent("a1"), await w.agent("a2")
        await w.submit()
        offer = await other.take()

        stolen = await agent.http.put("/v1/agents/a2", json={})
        assert code_of(stolen) == (403, "forbidden")
        assert code_of(await agent.renew(offer["lease_id"])) == (403, "forbidden")
        assert code_of(await agent.http.get("/v1/jobs")) == (403, "forbidden")
        assert code_of(await agent.http.get("/v1/agents")) == (403, "forbidden")
        assert code_of(await agent.http.get(offer["input"]["url"])) == (403, "forbidden")


async def test_a_client_token_opens_no_agents_call(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        assert code_of(await w.client.put("/v1/agents/a1", json={})) == (403, "forbidden")
        assert code_of(await w.client.post("/v1/leases/x/renew", json={})) == (403, "forbidden")


async def test_a_token_revoked_by_another_process_is_refused_within_a_second(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        secret = create_token(tmp_path, TokenKind.CLIENT, note="laptop")
        async with caller(w.app, secret) as client:
            assert (await client.get("/v1/jobs")).status_code == 200
            (record,) = [t for t in list_tokens(tmp_path) if t.note == "laptop"]

            assert await asyncio.to_thread(revoke_token, tmp_path, record.token_id)
            w.clock.advance(1.0)

            assert code_of(await client.get("/v1/jobs")) == (401, "unauthorized")


async def test_a_token_made_while_the_server_runs_is_accepted_within_a_second(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w:
        secret = await asyncio.to_thread(create_token, tmp_path, TokenKind.CLIENT)

        async with caller(w.app, secret) as client:
            assert (await client.get("/v1/jobs")).status_code == 200


def test_the_secret_is_nowhere_in_the_data_folder(tmp_path: Path) -> None:
    secret = create_token(tmp_path, TokenKind.AGENT, agent_id="a1")

    stored = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())

    assert secret.encode() not in stored
    assert [(t.kind, t.agent_id) for t in list_tokens(tmp_path)] == [("agent", "a1")]


def test_an_agent_token_needs_an_agent_and_a_client_token_has_none(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="agent_id"):
        create_token(tmp_path, TokenKind.AGENT)
    with pytest.raises(ValueError, match="agent_id"):
        create_token(tmp_path, TokenKind.CLIENT, agent_id="a1")


def test_a_token_is_revoked_once(tmp_path: Path) -> None:
    create_token(tmp_path, TokenKind.CLIENT)
    (record,) = list_tokens(tmp_path)

    assert revoke_token(tmp_path, record.token_id)
    assert not revoke_token(tmp_path, record.token_id)
    assert not revoke_token(tmp_path, "nonsense")


async def test_a_poll_whose_token_was_revoked_while_it_waited_gets_401_and_no_offer(
    tmp_path: Path,
) -> None:
    async with world(tmp_path) as w, asyncio.TaskGroup() as group:
        agent = await w.agent()
        poll = group.create_task(agent.ask(wait_s=20))
        async with asyncio.timeout(10):
            while not len(w.server.running.matchmaker):
                await asyncio.sleep(0.01)
        (record,) = [t for t in list_tokens(tmp_path) if t.agent_id == "a1"]
        await asyncio.to_thread(revoke_token, tmp_path, record.token_id)

        job_id = await w.submit()

        assert code_of(await poll) == (401, "unauthorized")
        assert await w.state(job_id) == "queued"
