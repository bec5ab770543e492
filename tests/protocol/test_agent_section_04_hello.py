import json
from pathlib import Path

import pytest
import respx

from agent.edges.spool import DiskSpool
from agent.model.errors import NewerBootError
from tests.edges.server import BOOT, problem
from tests.protocol.agent_side import AGENT, L1, WHO, agent_side, sent

REQUIRED = {"boot_id", "capability", "content_types", "slots"}


@respx.mock
async def test_hello_says_everything_that_is_required() -> None:
    route = respx.put(AGENT).respond(json={})

    async with agent_side() as server:
        await server.hello(WHO)

    assert set(sent(route)) >= REQUIRED


@respx.mock
async def test_hello_may_be_repeated() -> None:
    route = respx.put(AGENT).respond(json={})

    async with agent_side() as server:
        first = await server.hello(WHO)
        second = await server.hello(WHO)

    assert first == second
    assert route.calls[0].request.content == route.calls[1].request.content


@respx.mock
async def test_fields_from_the_future_are_ignored() -> None:
    respx.put(AGENT).respond(json={"poll_wait_s": 20, "tus": ["concatenation"], "mood": {"a": 1}})

    async with agent_side() as server:
        assert (await server.hello(WHO)).poll_wait == 20.0


@respx.mock
async def test_a_newer_boot_tells_its_number() -> None:
    respx.put(AGENT).mock(return_value=problem("newer_boot", boot_seq=12))

    async with agent_side() as server:
        with pytest.raises(NewerBootError) as caught:
            await server.hello(WHO)

    assert caught.value.boot_seq == 12


def test_the_boot_number_is_on_disk_before_it_is_told(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path)

    told = spool.boot_seq

    on_disk = json.loads((tmp_path / "morag-spool.json").read_text())
    spool.close()
    assert on_disk["boot_seq"] == told


def test_a_new_spool_can_adopt_a_higher_boot_number(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path)
    assert spool.is_new

    spool.adopt_boot(13)

    on_disk = json.loads((tmp_path / "morag-spool.json").read_text())
    spool.close()
    assert (spool.boot_seq, on_disk["boot_seq"]) == (13, 13)


@respx.mock
async def test_sign_off_carries_the_boot_and_what_is_kept() -> None:
    route = respx.delete(AGENT).respond(204)

    async with agent_side() as server:
        await server.sign_off([L1])

    assert route.calls.last.request.headers["agent-boot-id"] == BOOT
    assert sent(route) == {"keep": ["l1"]}


@respx.mock
async def test_sign_off_may_be_repeated() -> None:
    route = respx.delete(AGENT).respond(204)

    async with agent_side() as server:
        await server.sign_off([])
        await server.sign_off([])

    assert route.call_count == 2
