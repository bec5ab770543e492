from collections import deque
from dataclasses import dataclass, field
from random import Random

import pytest

from agent.model.artifact import Artifact
from agent.model.errors import ConfigError, InputUnavailableError, ServerUnavailableError
from agent.model.ids import Bytes, Digest, LeaseId
from agent.runtime.dialects import ChosenSink, ChosenSource, Dialect, Undecided
from agent.runtime.morag.holdings import Holdings
from agent.runtime.morag.server import MoragServer, MoragTerms
from agent.runtime.morag.tray import ResultTray
from tests.fakes.remote_jobs import FakeClaims, FakeRemoteJobs
from tests.fakes.sink import FakeSink
from tests.fakes.source import FakeSource, Refuse
from tests.runtime.morag.conftest import ask
from tests.runtime.world import WHO, World
from tests.virtual_time import LoopClock

LINE = Artifact("waveform.png", "image/png", Bytes(3), Digest("0" * 64))


@dataclass
class Choice:
    """A world of ours beside a MoRAG server; a test says which of them answers."""

    world: World
    clock: LoopClock
    answers: deque[bool | ServerUnavailableError]
    keyless: ConfigError | None = None
    jobs: FakeRemoteJobs = field(init=False)

    def made(self) -> Undecided:
        self.jobs = FakeRemoteJobs(self.clock)
        tray, terms = ResultTray(["document.md"]), MoragTerms(largest=lambda: Bytes(1000))
        holdings = Holdings(FakeClaims())
        finder = MoragServer(self.jobs, holdings, tray, self.clock, Random(1), terms)
        tools = self.world.tools
        return Undecided(
            self._speaks_ours,
            Dialect("native", self.world.connection, tools.source, tools.sink),
            Dialect("morag", finder, FakeSource(self.clock), tray),
            finder,
            self.keyless,
        )

    async def _speaks_ours(self) -> bool:
        answer = self.answers.popleft()
        if isinstance(answer, ServerUnavailableError):
            raise answer
        return answer


async def test_a_server_of_ours_is_spoken_to_in_our_protocol(
    world: World, clock: LoopClock
) -> None:
    either = Choice(world, clock, deque([True])).made()

    before = either.found
    await either.hello(WHO)

    assert (before, either.found) == (None, "native")
    assert either.chosen.name == "native"
    assert isinstance(either.chosen.sink, FakeSink)
    assert ChosenSink(either).transport == "tus"


async def test_a_morag_server_is_found_out(world: World, clock: LoopClock) -> None:
    choice = Choice(world, clock, deque([False]))
    either = choice.made()
    choice.jobs.add("j1", WHO.content_types[0])

    await either.hello(WHO)
    found = await either.poll(ask())

    assert found.offer is not None
    assert found.offer.transport == ChosenSink(either).transport == "morag"
    assert world.server.hellos == []


async def test_a_server_that_cannot_be_reached_decides_nothing(
    world: World, clock: LoopClock
) -> None:
    either = Choice(world, clock, deque([ServerUnavailableError("gone"), False])).made()

    with pytest.raises(ServerUnavailableError):
        await either.hello(WHO)
    await either.sign_off(())
    await either.hello(WHO)

    assert either.chosen.name == "morag"


async def test_it_is_found_out_once(world: World, clock: LoopClock) -> None:
    choice = Choice(world, clock, deque([True]))
    either = choice.made()

    await either.hello(WHO)
    await either.hello(WHO)

    assert not choice.answers


async def test_a_server_that_is_neither_says_so(world: World, clock: LoopClock) -> None:
    choice = Choice(world, clock, deque([False, False]))
    either = choice.made()
    choice.jobs.errors = {"status": deque([ServerUnavailableError("no remote jobs")])}

    with pytest.raises(ServerUnavailableError, match="no remote jobs"):
        await either.hello(WHO)


async def test_without_a_token_a_server_of_ours_is_no_use(world: World, clock: LoopClock) -> None:
    keyless = ConfigError("there is no token")
    either = Choice(world, clock, deque([True]), keyless).made()

    with pytest.raises(ConfigError, match="there is no token"):
        await either.hello(WHO)


async def test_without_a_token_a_morag_server_is_worked_for(world: World, clock: LoopClock) -> None:
    either = Choice(world, clock, deque([False]), ConfigError("there is no token")).made()

    await either.hello(WHO)

    assert either.chosen.name == "morag"


async def test_artifacts_go_where_the_dialect_wants_them(world: World, clock: LoopClock) -> None:
    either = Choice(world, clock, deque([False])).made()
    await either.hello(WHO)
    sink, place = ChosenSink(either), f"morag:{LeaseId('l')}"

    picture = await sink.create(place, LINE, b"")
    text = await sink.create(place, Artifact("document.md", "x", Bytes(5), Digest("0")), b"ab")
    whole = await sink.append(text.url, text.offset, b"cde")

    assert (picture.offset, whole, await sink.offset(text.url)) == (3, 5, 5)


async def test_inputs_come_from_where_the_dialect_has_them(world: World, clock: LoopClock) -> None:
    choice = Choice(world, clock, deque([False]))
    either = choice.made()
    await either.hello(WHO)
    source = either.chosen.source
    assert isinstance(source, FakeSource)

    source.faults.append(Refuse(InputUnavailableError("gone")))
    with pytest.raises(InputUnavailableError):
        async with ChosenSource(either).open("/nowhere", offset=0, etag=None):
            pass
