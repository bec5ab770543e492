"""What every job server must do, fake or real: the real one is ours, spoken to by our own edges."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Protocol

import httpx
import pytest
import respx
from respx.handlers import ASGIHandler

from agent.edges.http import Connection
from agent.edges.native_server import Identity, NativeServer
from agent.edges.tus import TusClient
from agent.edges.uploads import TusArtifactSink
from agent.model.artifact import Artifact
from agent.model.errors import (
    ArtifactsRefusedError,
    LeaseLostError,
    NewerBootError,
    OffsetMismatchError,
    UnknownAgentError,
    UploadGoneError,
)
from agent.model.failures import FailureCode
from agent.model.hardware import Hardware
from agent.model.ids import AgentId, BootId, Bytes, Digest, Instant, Seconds
from agent.model.lease import LeaseState, LostReason, Offer, Stage
from agent.ports import ArtifactSink, Ask, JobServer, Report, Result
from agent.server.app import create_app
from agent.server.settings import ServerSettings
from agent.server.tokens import TokenKind, create_token
from agent.wire.base import BOOT_HEADER
from tests.fakes.server import FakeServer
from tests.fakes.sink import FakeSink
from tests.runtime.world import WHO as ATTIC
from tests.runtime.world import offer_of
from tests.server.world import ManualClock

pytestmark = pytest.mark.real_time

WHO = replace(ATTIC, queues=("gpu_priority",), boot_seq=1)
AGENTS = ("attic", "cellar")
URL = "http://jobs.example"
PLACE = Ask(request_id="r", wait=Seconds(0.0), free_slots=1, prefetch=0, max_input=Bytes(1 << 30))
BEAT = replace(PLACE, free_slots=0)
REPORT = Report(Stage.DOWNLOADING, 0.0)
NOTHING = Result(manifest=(), summary={}, metrics={})


@dataclass
class Party:
    """One agent's lines to the server."""

    server: JobServer
    sink: ArtifactSink
    polls: int = 0

    async def poll(self, ask: Ask = PLACE) -> Offer | None:
        self.polls += 1
        result = await self.server.poll(replace(ask, request_id=f"{ask.request_id}{self.polls}"))
        return result.offer

    async def offered(self) -> Offer:
        offer = await self.poll()
        assert offer is not None
        return offer

    async def take(self) -> Offer:
        offer = await self.offered()
        await self.server.renew(offer.lease_id, REPORT)
        return offer


class House(Protocol):
    """A server with an empty queue, and a clock in the test's hand."""

    def party(self, agent: str, boot: str = "boot-1") -> Party: ...

    async def add(self, name: str = "j1") -> None: ...

    async def later(self, seconds: float) -> None: ...


class HandClock:
    def __init__(self) -> None:
        self.at = 0.0

    def now(self) -> Instant:
        return Instant(self.at)

    def wall_now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    async def sleep_until(self, when: Instant) -> None:
        self.at = max(self.at, when)


class FakeHouse:
    def __init__(self) -> None:
        self._clock = HandClock()
        self._server = FakeServer(self._clock)

    def party(self, agent: str, boot: str = "boot-1") -> Party:
        connection = self._server.connect(agent, f"{agent}-{boot}")
        return Party(connection, FakeSink(connection))

    async def add(self, name: str = "j1") -> None:
        self._server.add(offer_of(name))

    async def later(self, seconds: float) -> None:
        self._clock.at += seconds


class RealHouse:
    def __init__(self, folder: Path) -> None:
        self._clock = ManualClock()
        self.app = create_app(ServerSettings(folder=folder), clock=self._clock)
        self._agents = {
            agent: create_token(folder, TokenKind.AGENT, agent_id=agent, clock=self._clock)
            for agent in AGENTS
        }
        self._client = create_token(folder, TokenKind.CLIENT, clock=self._clock)
        self.connections: list[Connection] = []

    def party(self, agent: str, boot: str = "boot-1") -> Party:
        connection = Connection(URL, self._agents[agent])
        self.connections.append(connection)
        identity = Identity(agent_id=AgentId(agent), boot_id=BootId(f"{agent}-{boot}"))
        server = NativeServer(connection, identity, hardware=_hardware, health=dict)
        tus = TusClient(connection, {BOOT_HEADER: identity.boot_id})
        return Party(server, TusArtifactSink(tus))

    async def add(self, name: str = "j1") -> None:
        job = {
            "content_type": "audio",
            "queue": "gpu_priority",
            "filename": f"{name}.mp3",
            "input_url": f"https://files.example/{name}.mp3",
        }
        async with httpx.AsyncClient() as http:
            headers = {"Authorization": f"Bearer {self._client}"}
            answer = await http.post(f"{URL}/v1/jobs", json=job, headers=headers)
        assert answer.status_code == 201, answer.text

    async def later(self, seconds: float) -> None:
        self._clock.advance(seconds)
        await self.app.state.server.sweep()


def _hardware() -> Hardware:
    return Hardware(cpu_cores=1, memory=Bytes(1), disk_free=Bytes(1), gpus=(), hostname="attic")


@asynccontextmanager
async def fake_house(_folder: Path) -> AsyncIterator[House]:
    yield FakeHouse()


@asynccontextmanager
async def real_house(folder: Path) -> AsyncIterator[House]:
    house = RealHouse(folder)
    with respx.mock(assert_all_called=False) as routes:
        routes.route(host="jobs.example").mock(side_effect=ASGIHandler(house.app))
        async with house.app.state.server.lifespan():
            try:
                yield house
            finally:
                for connection in house.connections:
                    await connection.close()


Open = Callable[[Path], AbstractAsyncContextManager[House]]


@pytest.fixture(params=[fake_house, real_house])
def open_house(request: pytest.FixtureRequest) -> Open:
    chosen: Open = request.param
    return chosen


@asynccontextmanager
async def two_agents(open_house: Open, folder: Path) -> AsyncIterator[tuple[House, Party, Party]]:
    async with open_house(folder) as house:
        attic, cellar = (house.party(agent) for agent in AGENTS)
        await attic.server.hello(WHO)
        await cellar.server.hello(WHO)
        yield house, attic, cellar


# Hello.


async def test_who_has_not_said_hello_is_unknown(open_house: Open, tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        with pytest.raises(UnknownAgentError):
            await house.party("attic").poll()


async def test_hello_may_be_repeated(open_house: Open, tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        party = house.party("attic")

        first = await party.server.hello(WHO)

        assert await party.server.hello(WHO) == first
        assert (first.poll_wait, first.renew_every, first.lease_ttl) == (25.0, 30.0, 90.0)


async def test_a_later_boot_supersedes_an_earlier_one(open_house: Open, tmp_path: Path) -> None:
    async with open_house(tmp_path) as house:
        early, late = house.party("attic", "boot-1"), house.party("attic", "boot-2")
        await early.server.hello(WHO)

        await late.server.hello(replace(WHO, boot_seq=2))

        with pytest.raises(NewerBootError):
            await early.poll()


async def test_a_lower_boot_number_is_told_the_current_one(
    open_house: Open, tmp_path: Path
) -> None:
    async with open_house(tmp_path) as house:
        await house.party("attic", "boot-1").server.hello(replace(WHO, boot_seq=7))

        with pytest.raises(NewerBootError) as refused:
            await house.party("attic", "boot-2").server.hello(WHO)

        assert refused.value.boot_seq == 7


async def test_leases_of_an_older_boot_go_back_to_the_queue(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, cellar):
        await house.add()
        await attic.take()

        await house.party("attic", "boot-2").server.hello(replace(WHO, boot_seq=2))

        assert await cellar.poll() is not None


# Polls and offers.


async def test_an_empty_queue_offers_nothing(open_house: Open, tmp_path: Path) -> None:
    async with two_agents(open_house, tmp_path) as (_, attic, _cellar):
        assert await attic.poll() is None


async def test_a_beat_gets_no_offer(open_house: Open, tmp_path: Path) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, _):
        await house.add()

        assert await attic.poll(BEAT) is None


async def test_only_the_types_that_are_asked_for_are_offered(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, _):
        await house.add()

        for request_id, types, is_offered in (("r1", ("video",), False), ("r2", ("audio",), True)):
            ask = replace(PLACE, request_id=request_id, content_types=types)
            assert ((await attic.server.poll(ask)).offer is not None) is is_offered


async def test_an_offer_that_is_not_accepted_is_shown_again(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, cellar):
        await house.add()

        first, second = await attic.offered(), await attic.offered()

        assert first.lease_id == second.lease_id
        assert await cellar.poll() is None


async def test_an_offer_that_ran_out_is_lost_and_goes_to_somebody_else(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, cellar):
        await house.add()
        old = await attic.offered()

        await house.later(15.1)
        new = await cellar.take()

        assert (old.attempt, new.attempt) == (1, 1)
        assert old.lease_id != new.lease_id
        with pytest.raises(LeaseLostError):
            await attic.server.renew(old.lease_id, REPORT)


# Leases.


async def test_the_first_renewal_makes_a_lease_of_an_offer(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, cellar):
        await house.add()
        offer = await attic.offered()

        renewal = await attic.server.renew(offer.lease_id, REPORT)

        await house.later(80.0)
        assert (renewal.state, renewal.ttl, renewal.renew_in) == (LeaseState.OK, 90.0, 30.0)
        assert await cellar.poll() is None


async def test_a_lease_that_ran_out_is_revived_before_somebody_accepts_the_job(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, cellar):
        await house.add()
        old = await attic.take()
        await house.later(91.0)
        pending = await cellar.offered()

        await attic.server.renew(old.lease_id, REPORT)

        with pytest.raises(LeaseLostError):
            await cellar.server.renew(pending.lease_id, REPORT)


async def test_a_lease_is_superseded_once_somebody_else_has_accepted_the_job(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, cellar):
        await house.add()
        old = await attic.take()
        await house.later(91.0)
        await cellar.take()

        with pytest.raises(LeaseLostError) as lost:
            await attic.server.renew(old.lease_id, REPORT)

        assert lost.value.reason is LostReason.SUPERSEDED


async def test_an_agent_that_may_still_hold_a_lease_is_offered_that_again(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, _):
        await house.add()
        old = await attic.take()

        await house.later(91.0)

        assert (await attic.offered()).lease_id == old.lease_id


# Endings.


@pytest.mark.parametrize("code", [FailureCode.MEDIA_UNREADABLE, FailureCode.WORKER_CRASHED])
async def test_a_failure_may_be_told_twice(
    open_house: Open, tmp_path: Path, code: FailureCode
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, _):
        await house.add()
        offer = await attic.take()

        await attic.server.fail(offer.lease_id, code, "It cannot be done.", "")
        await attic.server.fail(offer.lease_id, code, "It cannot be done.", "")

        assert await attic.poll() is None


async def test_a_job_that_failed_for_a_passing_reason_goes_to_another_agent(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, cellar):
        await house.add()
        await cellar.poll(BEAT)
        offer = await attic.take()

        await attic.server.fail(offer.lease_id, FailureCode.WORKER_CRASHED, "crashed", "")
        await house.later(60.0)

        assert (await cellar.offered()).attempt == 2


async def test_a_released_job_rests_here_and_goes_to_somebody_else(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, cellar):
        await house.add()
        offer = await attic.take()

        await attic.server.release(offer.lease_id, "disk_full", None)
        await attic.server.release(offer.lease_id, "disk_full", None)

        assert await attic.poll() is None
        assert await cellar.poll() is not None


async def test_a_released_job_comes_back_after_its_rest(open_house: Open, tmp_path: Path) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, _):
        await house.add()
        offer = await attic.take()

        await attic.server.release(offer.lease_id, "disk_full", None)
        await house.later(31.0)

        assert (await attic.offered()).lease_id != offer.lease_id


async def test_complete_names_the_artifacts_that_are_missing(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, _):
        await house.add()
        offer = await attic.take()

        with pytest.raises(ArtifactsRefusedError) as refused:
            await attic.server.complete(offer.lease_id, a_result(b"# A\n"))

        assert refused.value.names == ("a.md",)


async def test_complete_may_be_told_twice_and_ends_the_lease(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, _):
        await house.add()
        offer = await attic.take()
        await attic.sink.create(offer.artifacts_url, an_artifact(b"# A\n"), b"# A\n")

        await attic.server.complete(offer.lease_id, a_result(b"# A\n"))
        await attic.server.complete(offer.lease_id, a_result(b"# A\n"))

        with pytest.raises(LeaseLostError) as lost:
            await attic.server.renew(offer.lease_id, REPORT)
        assert lost.value.reason is LostReason.COMPLETED


async def test_completed_is_said_only_of_the_lease_that_was_accepted_last(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, cellar):
        await house.add()
        old = await attic.take()
        await house.later(91.0)
        new = await cellar.take()
        await cellar.server.complete(new.lease_id, NOTHING)

        with pytest.raises(LeaseLostError) as lost:
            await attic.server.complete(old.lease_id, NOTHING)

        assert lost.value.reason is LostReason.SUPERSEDED


async def test_signing_off_releases_what_is_not_kept(open_house: Open, tmp_path: Path) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, cellar):
        await house.add("j1")
        await house.add("j2")
        kept, dropped = await attic.take(), await attic.take()

        await attic.server.sign_off([kept.lease_id])

        assert (await cellar.offered()).job_id == dropped.job_id
        assert (await cellar.offered()).job_id == dropped.job_id
        with pytest.raises(NewerBootError):
            await attic.poll()


# Uploads.


async def test_an_upload_begins_with_the_bytes_that_come_with_it(
    open_house: Open, tmp_path: Path
) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, _):
        await house.add()
        url = (await attic.take()).artifacts_url

        upload = await attic.sink.create(url, an_artifact(b"0123456789"), b"0123")
        after = await attic.sink.append(upload.url, upload.offset, b"456789")

        assert (upload.offset, after) == (4, 10)
        assert await attic.sink.offset(upload.url) == 10


async def test_creating_it_again_gives_the_same_upload(open_house: Open, tmp_path: Path) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, _):
        await house.add()
        url = (await attic.take()).artifacts_url

        first = await attic.sink.create(url, an_artifact(b"0123456789"), b"0123")
        second = await attic.sink.create(url, an_artifact(b"0123456789"), b"")

        assert second == first


async def test_another_digest_replaces_an_upload(open_house: Open, tmp_path: Path) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, _):
        await house.add()
        url = (await attic.take()).artifacts_url
        await attic.sink.create(url, an_artifact(b"0123456789"), b"0123")

        assert (await attic.sink.create(url, an_artifact(b"9876543210"), b"")).offset == 0


async def test_bytes_for_another_offset_are_refused(open_house: Open, tmp_path: Path) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, _):
        await house.add()
        url = (await attic.take()).artifacts_url
        upload = await attic.sink.create(url, an_artifact(b"0123456789"), b"0123")

        with pytest.raises(OffsetMismatchError):
            await attic.sink.append(upload.url, Bytes(6), b"6789")

        assert await attic.sink.offset(upload.url) == 4


async def test_an_upload_that_was_never_created_is_gone(open_house: Open, tmp_path: Path) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, _):
        await house.add()
        url = (await attic.take()).artifacts_url

        with pytest.raises(UploadGoneError):
            await attic.sink.append(f"{url}/nothing", Bytes(0), b"x")


async def test_an_upload_under_a_lost_lease_is_refused(open_house: Open, tmp_path: Path) -> None:
    async with two_agents(open_house, tmp_path) as (house, attic, cellar):
        await house.add()
        url = (await attic.take()).artifacts_url
        await house.later(91.0)
        await cellar.take()

        with pytest.raises(LeaseLostError):
            await attic.sink.create(url, an_artifact(b"# A\n"), b"")


def an_artifact(content: bytes) -> Artifact:
    digest = Digest(sha256(content).hexdigest())
    return Artifact("a.md", "text/markdown", Bytes(len(content)), digest)


def a_result(content: bytes) -> Result:
    return replace(NOTHING, manifest=(an_artifact(content),))
