import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx
import pytest
import respx

from agent.edges.native_server import Identity, NativeServer
from agent.model.artifact import Artifact
from agent.model.errors import RequestRefusedError, ServerUnavailableError
from agent.model.failures import FailureCode
from agent.model.hardware import Gpu, Hardware
from agent.model.ids import AgentId, BootId, Bytes, Digest, JobId, JsonObject, LeaseId, Seconds
from agent.model.lease import Directive, InputRef, LeaseState, Offer, Renewal, Stage
from agent.ports import Ask, Introduction, PollResult, Report, Result, Terms
from tests.edges.server import BOOT, SERVER, connected, problem

AGENT = f"{SERVER}/v1/agents/attic"
LEASE = f"{SERVER}/v1/leases/l1"
L1 = LeaseId("l1")
WHO = Introduction(
    name="attic-3090",
    version="0.1.0",
    capability="gpu",
    content_types=("audio",),
    queues=("gpu_priority",),
    slots=1,
    boot_seq=7,
    labels={"site": "home"},
)
ASK = Ask(request_id="r1", wait=Seconds(25.0), free_slots=1, prefetch=0, max_input=Bytes(10))
REPORT = Report(Stage.PROCESSING, 0.5, "half")
RENEWED = {"state": "ok", "ttl_s": 90, "renew_in_s": 30, "directive": "continue"}
RESULT = Result(
    manifest=(Artifact("a.md", "text/markdown", Bytes(3), Digest("0" * 64)),),
    summary={"words": 3},
    metrics={"process_s": 1.5},
)
OFFER: JsonObject = {
    "job_id": "j1",
    "lease_id": "l1",
    "attempt": 2,
    "offer_ttl_s": 15,
    "lease_ttl_s": 90,
    "queue": "gpu_priority",
    "content_type": "audio",
    "options": {"language": "de"},
    "input": {
        "url": "/v1/leases/l1/input",
        "size": 3,
        "sha256": "0" * 64,
        "etag": '"v1"',
        "filename": "a.mp3",
        "media_type": "audio/mpeg",
    },
    "artifacts": {"transport": "tus", "url": "/v1/leases/l1/artifacts"},
    "timeout_s": 7200,
}


def hardware() -> Hardware:
    return Hardware(
        cpu_cores=16,
        memory=Bytes(64),
        disk_free=Bytes(32),
        gpus=(Gpu("RTX 3090", Bytes(24), "550"),),
        hostname="attic",
    )


@asynccontextmanager
async def native() -> AsyncIterator[NativeServer]:
    async with connected() as connection:
        identity = Identity(agent_id=AgentId("attic"), boot_id=BootId(BOOT))
        yield NativeServer(connection, identity, hardware=hardware, health=lambda: {"gpu": "ok"})


def sent(route: respx.Route) -> JsonObject:
    body: JsonObject = json.loads(route.calls.last.request.content)
    return body


async def renew(report: Report = REPORT) -> Renewal:
    async with native() as server:
        return await server.renew(L1, report)


async def poll(ask: Ask = ASK) -> PollResult:
    async with native() as server:
        return await server.poll(ask)


@respx.mock
async def test_hello_says_who_we_are() -> None:
    route = respx.put(AGENT).respond(json={})

    async with native() as server:
        await server.hello(WHO)

    assert sent(route) == {
        "boot_id": BOOT,
        "boot_seq": 7,
        "name": "attic-3090",
        "version": "0.1.0",
        "capability": "gpu",
        "content_types": ["audio"],
        "queues": ["gpu_priority"],
        "slots": 1,
        "labels": {"site": "home"},
        "hardware": {
            "cpu_cores": 16,
            "memory_bytes": 64,
            "disk_free_bytes": 32,
            "gpus": [{"name": "RTX 3090", "memory_bytes": 24, "driver": "550"}],
        },
        "location": {"hostname": "attic", "is_remote": True},
        "resuming": [],
    }


@respx.mock
async def test_hello_brings_the_servers_terms() -> None:
    respx.put(AGENT).respond(
        json={"poll_wait_s": 20, "renew_every_s": 10, "lease_ttl_s": 60, "messages": ["update"]}
    )

    async with native() as server:
        terms = await server.hello(WHO)

    assert terms == Terms(
        poll_wait=Seconds(20),
        renew_every=Seconds(10),
        lease_ttl=Seconds(60),
        messages=("update",),
    )


@respx.mock
async def test_no_terms_make_a_poll_wait_longer_than_fifty_seconds() -> None:
    respx.put(AGENT).respond(json={"poll_wait_s": 600})

    async with native() as server:
        terms = await server.hello(WHO)

    assert terms.poll_wait == 50.0


@respx.mock
async def test_an_agent_id_stays_one_segment_of_the_path() -> None:
    route = respx.put(url__regex=".*").respond(json={})

    async with connected() as connection:
        identity = Identity(agent_id=AgentId("a/../b"), boot_id=BootId(BOOT))
        await NativeServer(connection, identity, hardware=hardware, health=dict).hello(WHO)

    assert route.calls.last.request.url.raw_path == b"/v1/agents/a%2F..%2Fb"


@respx.mock
async def test_a_poll_says_what_there_is_place_for() -> None:
    route = respx.post(f"{AGENT}/poll").respond(json={"offer": None})

    await poll()

    assert sent(route) == {
        "boot_id": BOOT,
        "request_id": "r1",
        "wait_s": 25.0,
        "free_slots": 1,
        "prefetch": 0,
        "max_input_bytes": 10,
        "health": {"gpu": "ok"},
    }


@respx.mock
async def test_a_poll_says_why_the_box_is_idle() -> None:
    route = respx.post(f"{AGENT}/poll").respond(json={"offer": None})

    await poll(replace(ASK, why_idle="no GPU"))

    assert sent(route)["health"] == {"gpu": "ok", "idle": "no GPU"}


@respx.mock
async def test_an_offer_comes_whole() -> None:
    respx.post(f"{AGENT}/poll").respond(json={"offer": OFFER})

    result = await poll()

    assert result.offer == Offer(
        job_id=JobId("j1"),
        lease_id=L1,
        attempt=2,
        offer_ttl=Seconds(15),
        lease_ttl=Seconds(90),
        queue="gpu_priority",
        content_type="audio",
        options={"language": "de"},
        input=InputRef(
            url="/v1/leases/l1/input",
            size=Bytes(3),
            sha256=Digest("0" * 64),
            etag='"v1"',
            filename="a.mp3",
            media_type="audio/mpeg",
        ),
        artifacts_url="/v1/leases/l1/artifacts",
        transport="tus",
        timeout=Seconds(7200),
    )


@respx.mock
async def test_what_an_offer_does_not_know_is_none() -> None:
    respx.post(f"{AGENT}/poll").respond(
        json={"offer": {**OFFER, "input": {"url": "https://f.example/a"}, "timeout_s": None}}
    )

    offer = (await poll()).offer

    assert offer is not None
    assert (offer.input.size, offer.input.sha256, offer.input.etag) == (None, None, None)
    assert offer.timeout is None


@respx.mock
async def test_an_empty_poll_says_why() -> None:
    respx.post(f"{AGENT}/poll").respond(
        json={"offer": None, "skipped": {"failed_here": 1}, "directive": "drain", "reason": "move"}
    )

    assert await poll() == PollResult(
        offer=None, directive=Directive.DRAIN, reason="move", skipped={"failed_here": 1}
    )


@pytest.mark.parametrize(
    "answer",
    [
        {"offer": {**OFFER, "input": {"url": ""}}},
        {"offer": {**OFFER, "attempt": 0}},
        {"offer": {**OFFER, "lease_id": ""}},
        {"offer": "none"},
        {"directive": "explode"},
    ],
)
@respx.mock
async def test_an_offer_that_makes_no_sense_is_transient(answer: JsonObject) -> None:
    respx.post(f"{AGENT}/poll").respond(json=answer)

    with pytest.raises(ServerUnavailableError):
        await poll()


@pytest.mark.parametrize(("wait", "ends_at"), [(25.0, 35.0), (0.0, 10.0), (50.0, 60.0)])
@respx.mock
async def test_a_poll_is_given_up_ten_seconds_after_its_wait(wait: float, ends_at: float) -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        return httpx.Response(200)

    respx.post(f"{AGENT}/poll").mock(side_effect=hang)
    ask = Ask(request_id="r", wait=Seconds(wait), free_slots=1, prefetch=0, max_input=Bytes(1))

    with pytest.raises(ServerUnavailableError):
        await poll(ask)

    assert asyncio.get_running_loop().time() == ends_at


@respx.mock
async def test_a_renewal_reports_the_job() -> None:
    route = respx.post(f"{LEASE}/renew").respond(json=RENEWED)

    await renew()

    assert sent(route) == {
        "boot_id": BOOT,
        "stage": "processing",
        "progress": 0.5,
        "message": "half",
        "health": {"gpu": "ok"},
    }


@respx.mock
async def test_a_renewal_brings_the_servers_answer() -> None:
    respx.post(f"{LEASE}/renew").respond(
        json={**RENEWED, "state": "cancel_now", "reason": "user", "directive": "pause"}
    )

    assert await renew() == Renewal(
        LeaseState.CANCEL_NOW, Seconds(90), Seconds(30), Directive.PAUSE, "user"
    )


@pytest.mark.parametrize("message", ["x" * 10_000, "\ud800 half a character", "a\x00b"])
@respx.mock
async def test_no_message_of_a_pipeline_can_break_a_renewal(message: str) -> None:
    route = respx.post(f"{LEASE}/renew").respond(json=RENEWED)

    await renew(Report(Stage.PROCESSING, 0.5, message))

    assert 0 < len(str(sent(route)["message"])) <= 4096


@respx.mock
async def test_complete_tells_the_manifest() -> None:
    route = respx.post(f"{LEASE}/complete").respond(json={"job_id": "j1", "state": "completed"})

    async with native() as server:
        await server.complete(L1, RESULT)

    assert sent(route) == {
        "boot_id": BOOT,
        "manifest": [
            {"name": "a.md", "media_type": "text/markdown", "size": 3, "sha256": "0" * 64}
        ],
        "summary": {"words": 3},
        "metrics": {"process_s": 1.5},
    }


@respx.mock
async def test_a_summary_with_half_a_character_is_still_delivered() -> None:
    route = respx.post(f"{LEASE}/complete").respond(json={})
    result = Result(manifest=(), summary={"title": ["\ud800!"], "words": 3}, metrics={})

    async with native() as server:
        await server.complete(L1, result)

    assert sent(route)["summary"] == {"title": ["?!"], "words": 3}


@respx.mock
async def test_fail_tells_the_code_and_whether_to_try_again() -> None:
    route = respx.post(f"{LEASE}/fail").respond(json={})

    async with native() as server:
        await server.fail(L1, FailureCode.TIMEOUT, "not done", "trace")

    assert sent(route) == {
        "boot_id": BOOT,
        "code": "timeout",
        "message": "not done",
        "retryable": True,
        "detail": "trace",
    }


@respx.mock
async def test_a_final_failure_is_not_to_be_tried_again() -> None:
    route = respx.post(f"{LEASE}/fail").respond(json={})

    async with native() as server:
        await server.fail(L1, FailureCode.MEDIA_UNREADABLE, "no stream", "")

    assert sent(route)["retryable"] is False


@respx.mock
async def test_of_a_long_detail_the_end_is_told() -> None:
    """A traceback says at its end what happened."""
    route = respx.post(f"{LEASE}/fail").respond(json={})

    async with native() as server:
        await server.fail(L1, FailureCode.INTERNAL, "x" * 9000, "a" * 100_000 + "the end")

    body = sent(route)
    assert str(body["detail"]).endswith("the end")
    assert (len(str(body["detail"])), len(str(body["message"]))) == (60_000, 4000)


@pytest.mark.parametrize("retry_after", [None, Seconds(60.0)])
@respx.mock
async def test_release_tells_the_reason_and_the_pause(retry_after: Seconds | None) -> None:
    route = respx.post(f"{LEASE}/release").respond(json={})

    async with native() as server:
        await server.release(L1, "disk_full", retry_after)

    pause = {} if retry_after is None else {"retry_after_s": 60.0}
    assert sent(route) == {"boot_id": BOOT, "reason": "disk_full", **pause}


@respx.mock
async def test_sign_off_tells_what_is_kept() -> None:
    route = respx.delete(AGENT).respond(204)

    async with native() as server:
        await server.sign_off([L1])

    assert sent(route) == {"keep": ["l1"]}
    assert route.calls.last.request.headers["agent-boot-id"] == BOOT


@respx.mock
async def test_sign_off_does_not_hold_up_the_end() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        return httpx.Response(204)

    respx.delete(AGENT).mock(side_effect=hang)

    async with native() as server:
        with pytest.raises(ServerUnavailableError):
            await server.sign_off([])

    assert asyncio.get_running_loop().time() == 3.0


@pytest.mark.parametrize("call", ["complete", "fail", "release"])
@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, content=b"<html>Please log in</html>"),
        httpx.Response(302, headers={"Location": "https://login.example/"}),
    ],
)
@respx.mock
async def test_a_page_of_something_on_the_way_acknowledges_nothing(
    call: str, answer: httpx.Response
) -> None:
    respx.post(f"{LEASE}/{call}").mock(return_value=answer)

    async with native() as server:
        with pytest.raises(ServerUnavailableError):
            await end(server, call)


@pytest.mark.parametrize("call", ["complete", "fail", "release"])
@respx.mock
async def test_an_answer_without_a_body_acknowledges(call: str) -> None:
    route = respx.post(f"{LEASE}/{call}").respond(204)

    async with native() as server:
        await end(server, call)

    assert route.call_count == 1


@pytest.mark.parametrize("call", ["renew", "complete", "fail", "release"])
@respx.mock
async def test_every_write_about_a_lease_carries_the_boot(call: str) -> None:
    route = respx.post(f"{LEASE}/{call}").respond(json=RENEWED)

    async with native() as server:
        await end(server, call)

    assert route.calls.last.request.headers["agent-boot-id"] == BOOT
    assert sent(route)["boot_id"] == BOOT


@respx.mock
async def test_hello_has_half_a_minute() -> None:
    async def hang(_: httpx.Request) -> httpx.Response:
        await asyncio.sleep(3600)
        return httpx.Response(200)

    respx.put(AGENT).mock(side_effect=hang)

    async with native() as server:
        with pytest.raises(ServerUnavailableError):
            await server.hello(WHO)

    assert asyncio.get_running_loop().time() == 30.0


@respx.mock
async def test_a_call_that_is_refused_says_which_field() -> None:
    respx.post(f"{LEASE}/renew").mock(
        return_value=problem("invalid", field="progress", detail="over 1")
    )

    with pytest.raises(RequestRefusedError, match=r"over 1 \(progress\)"):
        await renew()


async def end(server: NativeServer, call: str) -> None:
    match call:
        case "renew":
            await server.renew(L1, REPORT)
        case "complete":
            await server.complete(L1, RESULT)
        case "fail":
            await server.fail(L1, FailureCode.INTERNAL, "broken", "")
        case _:
            await server.release(L1, "stopped", None)
