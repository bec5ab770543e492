import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import respx

from agent.edges.spool import DiskSpool
from agent.model.errors import NewerBootError, ServerUnavailableError
from agent.model.ids import Bytes, JobId, LeaseId
from agent.model.lease import InputRef, Stage
from agent.ports import Grant, Resumed, Resuming, Terms
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


LEFT = replace(WHO, resuming=(Resuming(JobId("j1"), L1, Stage.UPLOADING),))
GRANTED = {
    "lease_id": "l1",
    "state": "ok",
    "new_lease_id": "l2",
    "input": {"url": "/v1/leases/l2/input", "size": 3, "filename": "a.mp3"},
    "artifacts": {"transport": "tus", "url": "/v1/leases/l2/artifacts"},
}


async def hello(*answers: dict[str, Any]) -> Terms:
    with respx.mock:
        respx.put(AGENT).respond(json={"resuming": answers})
        async with agent_side() as server:
            return await server.hello(LEFT)


@respx.mock
async def test_hello_lists_what_an_earlier_start_left() -> None:
    route = respx.put(AGENT).respond(json={})

    async with agent_side() as server:
        await server.hello(LEFT)

    assert sent(route)["resuming"] == [{"job_id": "j1", "lease_id": "l1", "stage": "uploading"}]


async def test_a_job_goes_on_under_a_new_lease_with_its_addresses() -> None:
    terms = await hello(GRANTED)

    grant = Grant(
        lease_id=LeaseId("l2"),
        input=InputRef(
            url="/v1/leases/l2/input",
            size=Bytes(3),
            sha256=None,
            etag=None,
            filename="a.mp3",
            media_type=None,
        ),
        artifacts_url="/v1/leases/l2/artifacts",
        transport="tus",
    )
    assert terms.resumed == (Resumed(L1, grant),)


async def test_a_job_that_the_server_calls_lost_has_no_grant() -> None:
    terms = await hello({"lease_id": "l1", "state": "lost"})

    assert terms.resumed == (Resumed(L1, None),)


@pytest.mark.parametrize("missing", ["new_lease_id", "input", "artifacts"])
async def test_ok_without_saying_how_to_go_on_is_asked_again(missing: str) -> None:
    with pytest.raises(ServerUnavailableError, match="without saying how to go on"):
        await hello({**GRANTED, missing: None})
