import asyncio
from collections import deque
from collections.abc import Callable, Mapping

import pytest

from agent.core.upload_plan import FIRST_PART, SMALLEST_PART
from agent.model.artifact import Artifact
from agent.model.errors import (
    AgentError,
    ArtifactsRefusedError,
    LeaseLostError,
    OffsetMismatchError,
    RequestRefusedError,
    ServerUnavailableError,
    SpoolError,
    UnknownAgentError,
    UploadGoneError,
)
from agent.model.ids import Bytes, Seconds
from agent.model.lease import LostReason, Stage
from agent.model.work import Produced
from agent.ports import Ask, Report, Result
from agent.runtime.deliver import Delivery
from tests.fakes.ledger import FakeJob, Spell
from tests.runtime.conftest import Lines
from tests.runtime.world import DAY, HOUR, WHO, World
from tests.virtual_time import LoopClock

MIB = 1024 * 1024
RESULTS = {"a.md": b"# A\n", "pages/b.md": b"# B\n" * 500}
ASK = Ask(request_id="r1", wait=Seconds(5.0), free_slots=1, prefetch=0, max_input=Bytes(1 << 30))


class Delivering:
    """A sealed result under an accepted lease."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.shown: list[float] = []
        self.job: FakeJob = world.add()

    async def run(self, files: Mapping[str, bytes] = RESULTS) -> None:
        world = self.world
        await world.connection.hello(WHO)
        offer = (await world.connection.poll(ASK)).offer
        assert offer is not None
        await world.connection.renew(offer.lease_id, Report(Stage.UPLOADING, 0.0))
        folder = await world.spool.open_job(offer)
        folder.results.update(files)
        produced = Produced(tuple((name, "text/plain") for name in files), {})
        artifacts = (await folder.seal(produced, {})).manifest
        delivery = Delivery(offer, folder, world.tools, self.shown.append)
        await delivery.run(artifacts, lambda: self._result(artifacts))

    def _result(self, artifacts: tuple[Artifact, ...]) -> Result:
        return Result(manifest=artifacts, summary={}, metrics={"told_at": self.world.clock.now()})

    @property
    def completed_at(self) -> list[float]:
        return [*self.world.server.times("complete")]

    @property
    def creations(self) -> int:
        return [method for method, _ in self.world.sink.sent].count("create")


@pytest.fixture
def delivering(world: World) -> Delivering:
    return Delivering(world)


async def test_every_artifact_is_whole_before_complete(delivering: Delivering) -> None:
    await delivering.run()

    assert delivering.job.state == "completed"
    assert delivering.job.files == RESULTS
    assert delivering.completed_at == [0.0]


async def test_a_small_artifact_takes_one_request(delivering: Delivering) -> None:
    await delivering.run({"a.md": b"# A\n"})

    assert delivering.world.sink.sent == [("create", 4)]


async def test_an_empty_artifact_is_only_created(delivering: Delivering) -> None:
    await delivering.run({"empty.md": b""})

    assert delivering.world.sink.sent == [("create", 0)]
    assert delivering.job.files == {"empty.md": b""}


async def test_a_server_that_ignores_the_first_bytes_gets_them_again(
    delivering: Delivering,
) -> None:
    delivering.world.sink.takes_first = False

    await delivering.run({"a.md": b"# A\n"})

    assert delivering.world.sink.sent == [("create", 4), ("append", 4)]
    assert delivering.job.files == {"a.md": b"# A\n"}


async def test_parts_grow_while_the_link_is_quick(delivering: Delivering) -> None:
    await delivering.run({"big.bin": b"x" * (8 * MIB)})

    assert [size for _, size in delivering.world.sink.sent] == [MIB, MIB, 2 * MIB, 4 * MIB]


async def test_parts_shrink_while_the_link_is_slow(delivering: Delivering) -> None:
    delivering.world.sink.bytes_per_s = MIB / 30.0

    await delivering.run({"big.bin": b"x" * (2 * MIB + MIB // 2)})

    assert [size for _, size in delivering.world.sink.sent] == [MIB, MIB, MIB // 2]


async def test_a_413_halves_the_part_without_a_pause(
    delivering: Delivering, clock: LoopClock
) -> None:
    delivering.world.sink.largest = MIB // 4

    await delivering.run({"big.bin": b"x" * MIB})

    assert [size for _, size in delivering.world.sink.sent] == [
        *(MIB, MIB // 2),
        *(MIB // 4,) * 4,
    ]
    assert delivering.job.state == "completed"
    assert clock.now() == 0.0


async def test_a_part_that_something_on_the_way_refuses_is_halved_where_the_server_is(
    delivering: Delivering,
) -> None:
    delivering.world.sink.largest = 3 * MIB

    await delivering.run({"big.bin": b"x" * (8 * MIB)})

    assert delivering.world.sink.sent == [
        ("create", FIRST_PART),
        ("append", MIB),
        ("append", 2 * MIB),
        ("append", 4 * MIB),
        ("offset", 0),
        ("append", 2 * MIB),
        ("append", 2 * MIB),
    ]


async def test_a_creation_that_is_repeated_never_sends_more_than_the_first_part(
    delivering: Delivering,
) -> None:
    sink = delivering.world.sink
    _at(3.5, lambda: sink.errors.update(append=deque([UploadGoneError("gone")])))
    sink.bytes_per_s = MIB

    await delivering.run({"big.bin": b"x" * (16 * MIB)})

    sizes = [size for method, size in sink.sent if method == "create"]
    assert len(sizes) == 2
    assert max(sizes) == FIRST_PART


async def test_a_413_for_even_the_smallest_part_is_waited_out(
    delivering: Delivering, clock: LoopClock
) -> None:
    sink = delivering.world.sink
    sink.largest = SMALLEST_PART - 1
    _at(HOUR, lambda: setattr(sink, "largest", MIB))

    await delivering.run({"big.bin": b"x" * MIB})

    assert delivering.job.state == "completed"
    assert clock.now() >= HOUR
    assert len(sink.sent) < HOUR / 60.0 + MIB / SMALLEST_PART


async def test_an_upload_goes_on_where_the_server_is(delivering: Delivering) -> None:
    delivering.world.sink.keeps = 700_000

    await delivering.run({"big.bin": b"x" * (2 * MIB)})

    assert delivering.job.state == "completed"
    assert delivering.job.files == {"big.bin": b"x" * (2 * MIB)}


async def test_an_unchanged_offset_is_no_reason_to_hammer(
    delivering: Delivering, clock: LoopClock
) -> None:
    delivering.world.sink.keeps = 0
    _at(HOUR, lambda: setattr(delivering.world.sink, "keeps", MIB))

    await delivering.run({"a.md": b"# A\n"})

    assert delivering.job.state == "completed"
    assert clock.now() >= HOUR
    assert len(delivering.world.sink.sent) < 60


@pytest.mark.parametrize(
    "error",
    [
        OffsetMismatchError("elsewhere"),
        UploadGoneError("gone"),
        ServerUnavailableError("the connection broke"),
        RequestRefusedError("422"),
        UnknownAgentError("who?"),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.parametrize("method", ["create", "append"])
async def test_no_answer_to_an_upload_is_the_end_of_a_result(
    delivering: Delivering, error: AgentError, method: str
) -> None:
    delivering.world.sink.errors = {method: deque([error])}

    await delivering.run({"big.bin": b"x" * (3 * MIB)})

    assert delivering.job.files == {"big.bin": b"x" * (3 * MIB)}


async def test_after_a_failure_nothing_is_sent_along_with_the_creation(
    delivering: Delivering,
) -> None:
    delivering.world.sink.errors = {"create": deque([ServerUnavailableError("reset")])}

    await delivering.run({"a.md": b"# A\n"})

    assert delivering.world.sink.sent == [("create", 4), ("create", 0), ("append", 4)]


async def test_after_a_cut_the_server_is_asked_where_it_is(delivering: Delivering) -> None:
    delivering.world.sink.cuts.append(700_000)

    await delivering.run({"big.bin": b"x" * (2 * MIB)})

    assert delivering.world.sink.sent == [
        ("create", FIRST_PART),
        ("append", MIB),
        ("offset", 0),
        ("append", MIB - 700_000),
    ]
    assert delivering.job.files == {"big.bin": b"x" * (2 * MIB)}


async def test_a_part_of_which_nothing_arrived_is_sent_in_smaller_ones(
    delivering: Delivering,
) -> None:
    """Behind a proxy that hands on only whole requests, a link that breaks too soon never ends."""
    delivering.world.sink.cuts.extend([0, 0])

    await delivering.run({"big.bin": b"x" * (2 * MIB)})

    assert [size for _, size in delivering.world.sink.sent] == [
        *(FIRST_PART, MIB, 0),
        *(MIB // 2, 0),
        *(MIB // 4, MIB // 2, MIB // 4),
    ]


@pytest.mark.parametrize(
    "error", [OffsetMismatchError("409"), OffsetMismatchError("460"), ServerUnavailableError("502")]
)
async def test_a_refused_part_makes_us_ask_where_the_server_is(
    delivering: Delivering, error: AgentError
) -> None:
    delivering.world.sink.errors = {"append": deque([error])}

    await delivering.run({"big.bin": b"x" * (2 * MIB)})

    methods = [method for method, _ in delivering.world.sink.sent]
    assert methods[:4] == ["create", "append", "offset", "append"]


async def test_an_upload_that_is_gone_is_created_again(delivering: Delivering) -> None:
    sink = delivering.world.sink
    sink.errors = {
        "append": deque([ServerUnavailableError("reset")]),
        "offset": deque([UploadGoneError("404")]),
    }

    await delivering.run({"big.bin": b"x" * (2 * MIB)})

    methods = [method for method, _ in sink.sent]
    assert methods[:5] == ["create", "append", "offset", "create", "append"]
    assert delivering.job.state == "completed"


async def test_a_refusal_without_a_reason_makes_us_create_the_upload_again(
    delivering: Delivering,
) -> None:
    """An answer to HEAD has no body: only another call says that the lease is lost, say."""
    sink = delivering.world.sink
    sink.errors = {
        "append": deque([ServerUnavailableError("reset")]),
        "offset": deque([ServerUnavailableError("409", answered=True)]),
        "create": deque(),
    }
    _at(0.5, lambda: sink.errors.update(create=deque([LeaseLostError(LostReason.SUPERSEDED)])))

    with pytest.raises(LeaseLostError):
        await delivering.run({"big.bin": b"x" * (2 * MIB)})

    assert [method for method, _ in sink.sent] == ["create", "append", "offset", "create"]


async def test_a_server_that_does_not_answer_is_only_asked_where_it_is(
    delivering: Delivering,
) -> None:
    sink = delivering.world.sink
    sink.errors = {
        "append": deque([ServerUnavailableError("reset")]),
        "offset": deque([ServerUnavailableError("down")] * 3),
    }

    await delivering.run({"big.bin": b"x" * (2 * MIB)})

    assert [method for method, _ in sink.sent].count("create") == 1
    assert [method for method, _ in sink.sent].count("offset") == 4


async def test_an_upload_that_gets_on_between_cuts_does_not_pause(
    delivering: Delivering, clock: LoopClock
) -> None:
    delivering.world.sink.cuts.extend([MIB + 1] * 40)

    await delivering.run({"big.bin": b"x" * (60 * MIB)})

    assert delivering.job.state == "completed"
    assert clock.now() == 0.0


async def test_an_upload_that_gets_on_by_bytes_does_pause(
    delivering: Delivering, clock: LoopClock
) -> None:
    delivering.world.sink.cuts.extend([1] * 20)

    await delivering.run({"big.bin": b"x" * (2 * MIB)})

    # The first follows the first part at once.
    assert clock.now() == 19.0


async def test_uploads_outlast_days_of_outage(delivering: Delivering, clock: LoopClock) -> None:
    delivering.world.server.outages = [Spell(0.5, 3 * DAY, frozenset({"upload"}))]
    delivering.world.sink.bytes_per_s = MIB

    await delivering.run({"big.bin": b"x" * (3 * MIB)})

    assert delivering.job.state == "completed"
    assert 3 * DAY < clock.now() < 3 * DAY + 6 * 60.0
    # Five minutes apart in the end.
    assert len(delivering.world.sink.sent) < 3 * DAY / 300.0 + 20


async def test_a_lost_answer_to_complete_is_repeated(delivering: Delivering) -> None:
    delivering.world.server.lose_answers = {"complete": 3}

    await delivering.run()

    assert delivering.completed_at == [0.0, 1.0, 3.0, 7.0]
    assert len(delivering.job.results) == 1
    assert delivering.creations == len(RESULTS)


async def test_complete_that_is_called_wrong_is_still_repeated(delivering: Delivering) -> None:
    delivering.world.server.errors = {"complete": deque([RequestRefusedError("422")] * 2)}

    await delivering.run()

    assert delivering.completed_at == [0.0, 1.0, 3.0]
    assert delivering.job.state == "completed"


async def test_artifacts_that_the_server_lacks_are_sent_again(delivering: Delivering) -> None:
    delivering.world.server.lost_artifacts = {"a.md": 1}

    await delivering.run()

    assert delivering.job.files == RESULTS
    assert delivering.completed_at == [0.0, 1.0]
    # The other one is not touched.
    assert [size for _, size in delivering.world.sink.sent[2:]] == [0, len(RESULTS["a.md"])]


async def test_all_artifacts_are_offered_again_when_the_server_names_none(
    delivering: Delivering,
) -> None:
    delivering.world.server.errors = {"complete": deque([ArtifactsRefusedError(())])}

    await delivering.run()

    assert delivering.job.state == "completed"
    assert delivering.creations == 2 * len(RESULTS)


async def test_only_failures_without_anything_between_them_pause_for_longer(
    delivering: Delivering, lines: Lines
) -> None:
    def breaks() -> AgentError:
        return ServerUnavailableError("reset")

    sink = delivering.world.sink
    sink.errors = {"append": deque([breaks(), breaks()])}
    sink.bytes_per_s = MIB
    _at(6.5, lambda: sink.errors.update(append=deque([breaks()])))

    await delivering.run({"big.bin": b"x" * (9 * MIB)})

    pauses = [line["retry_in_s"] for line in lines if line["event"] == "delivery.postponed"]
    assert pauses == [0.0, 2.0, 0.0]


async def test_a_refused_token_throws_nothing_away(
    delivering: Delivering, clock: LoopClock, lines: Lines
) -> None:
    delivering.world.server.token_refused = [Spell(0.0, DAY, frozenset({"upload", "complete"}))]

    await delivering.run()

    assert delivering.job.files == RESULTS
    assert DAY <= clock.now() <= DAY + 15 * 60.0
    pauses = [line["retry_in_s"] for line in lines if line["event"] == "delivery.postponed"]
    assert pauses[:7] == [30.0, 60.0, 120.0, 240.0, 480.0, 900.0, 900.0]


async def test_retry_after_is_honoured(delivering: Delivering) -> None:
    slow_down = ServerUnavailableError("slow down", retry_after=Seconds(600.0))
    delivering.world.server.errors = {"complete": deque([slow_down])}

    await delivering.run()

    assert delivering.completed_at == [0.0, 600.0]


async def test_metrics_are_read_at_the_last_moment(delivering: Delivering) -> None:
    delivering.world.server.errors = {"complete": deque([ServerUnavailableError("down")] * 2)}

    await delivering.run()

    ((_, result),) = delivering.job.results
    assert result.metrics == {"told_at": 3.0}


@pytest.mark.parametrize("call", ["upload", "complete"])
async def test_a_lease_that_is_lost_ends_the_delivery(
    delivering: Delivering, call: str, clock: LoopClock
) -> None:
    delivering.world.server.errors = {call: deque([LeaseLostError(LostReason.SUPERSEDED)])}

    with pytest.raises(LeaseLostError):
        await delivering.run()

    assert clock.now() == 0.0


async def test_a_result_that_is_cut_short_on_our_disk_is_our_disk_s_fault(
    delivering: Delivering,
) -> None:
    world = delivering.world
    world.sink.takes_first = False
    world.server.answer_takes = Seconds(10.0)
    _at(35.0, lambda: next(iter(world.spool.folders.values())).results.update({"a.md": b"#"}))

    with pytest.raises(SpoolError):
        await delivering.run()


async def test_progress_is_the_share_of_all_bytes(delivering: Delivering) -> None:
    delivering.world.sink.takes_first = False

    await delivering.run({"a.bin": b"x" * 1000, "b.bin": b"x" * 3000})

    assert delivering.shown == [0.25, 1.0]


async def test_every_pause_is_told(delivering: Delivering, lines: Lines) -> None:
    delivering.world.server.errors = {"complete": deque([ServerUnavailableError("down")])}

    await delivering.run()

    told = [line for line in lines if line["event"] == "delivery.postponed"]
    assert [(line["reason"], line["retry_in_s"]) for line in told] == [("down", 1.0)]


def _at(when: float, change: Callable[[], None]) -> None:
    asyncio.get_running_loop().call_at(when, change)
