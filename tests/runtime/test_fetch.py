import asyncio
from collections import deque
from dataclasses import replace

import pytest

from agent.model.errors import (
    DiskFullError,
    InputCorruptError,
    InputUnavailableError,
    JobReturnedError,
    LeaseLostError,
    ServerUnavailableError,
    UnknownAgentError,
)
from agent.model.ids import Bytes, LeaseId, Seconds
from agent.model.lease import InputRef, LostReason
from agent.runtime.fetch import Download
from tests.fakes.source import Become, Cut, FakeFile, Misplace, Refuse, Trickle
from tests.fakes.spool import FakePartial
from tests.runtime.conftest import Lines
from tests.runtime.world import MINUTE, World, offer_of
from tests.virtual_time import LoopClock

CONTENT = bytes(range(256)) * 40
URL = "/inputs/j1"
MIB = 1024 * 1024
REF = offer_of("j1", CONTENT).input
UNSIZED = replace(REF, size=None)


class Fetching:
    """One download from `file` into an empty partial file."""

    def __init__(self, world: World, file: FakeFile | None = None) -> None:
        self.world = world
        self.partial = FakePartial(world.spool)
        self.shown: list[float] = []
        world.source.files[URL] = file or FakeFile(CONTENT)
        world.source.chunk = 1024

    async def run(self, ref: InputRef = REF) -> None:
        world = self.world
        await Download(ref, self.partial, world.tools, world.policy, self.shown.append).run()

    @property
    def offsets(self) -> list[int]:
        return [request.offset for request in self.world.source.requests]


def cut(*after: int) -> deque[Cut]:
    return deque(Cut(count) for count in after)


def down(*, answered: bool = False, retry_after: float | None = None) -> Refuse:
    wait = None if retry_after is None else Seconds(retry_after)
    return Refuse(ServerUnavailableError("not now", answered=answered, retry_after=wait))


async def test_an_input_arrives_whole_with_one_request(world: World, clock: LoopClock) -> None:
    fetching = Fetching(world)

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert fetching.offsets == [0]
    assert clock.now() == 0.0


async def test_progress_is_the_share_of_the_promised_size(world: World) -> None:
    fetching = Fetching(world)

    await fetching.run()

    assert fetching.shown == pytest.approx([count / 10 for count in range(1, 11)])


async def test_an_empty_input_is_not_even_asked_for(world: World) -> None:
    fetching = Fetching(world, FakeFile(b""))

    await fetching.run(offer_of("j1", b"").input)

    assert fetching.offsets == []


async def test_a_cut_download_goes_on_where_it_was_cut(world: World) -> None:
    fetching = Fetching(world)
    world.source.faults.extend(cut(5000, 3000))

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert [(r.offset, r.etag) for r in world.source.requests] == [
        (0, None),
        (5000, '"v1"'),
        (8000, '"v1"'),
    ]


async def test_what_came_before_a_cut_is_put_on_disk(world: World) -> None:
    fetching = Fetching(world)
    world.source.faults.append(Cut(5000))
    world.source.faults.append(Refuse(LeaseLostError(LostReason.SUPERSEDED)))

    with pytest.raises(LeaseLostError):
        await fetching.run()

    assert fetching.partial.flushed == 5000


async def test_pauses_begin_again_at_a_second_after_new_bytes(world: World) -> None:
    fetching = Fetching(world)
    world.source.faults.extend([down(), down(), Cut(2000), down(), None])

    await fetching.run()

    assert [r.at for r in world.source.requests] == [0.0, 1.0, 3.0, 4.0, 6.0]


async def test_retry_after_of_the_source_is_honoured(world: World) -> None:
    fetching = Fetching(world)
    world.source.faults.append(down(answered=True, retry_after=120.0))

    await fetching.run()

    assert [r.at for r in world.source.requests] == [0.0, 120.0]


async def test_a_changed_source_is_fetched_from_its_beginning(world: World) -> None:
    old = FakeFile(b"x" * len(CONTENT), etag='"v0"')
    fetching = Fetching(world, old)
    world.source.faults.extend([Cut(5000), Become(FakeFile(CONTENT))])

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert fetching.offsets == [0, 5000]


async def test_a_source_that_sends_everything_again_is_taken_from_its_beginning(
    world: World,
) -> None:
    fetching = Fetching(world, FakeFile(CONTENT, has_ranges=False))
    world.source.faults.append(Cut(5000))

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert fetching.offsets == [0, 5000]


async def test_a_part_without_its_version_is_not_trusted(world: World) -> None:
    fetching = Fetching(world, FakeFile(CONTENT, names_part=False))
    world.source.faults.append(Cut(5000))

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert fetching.offsets == [0, 5000, 0]


async def test_a_part_from_elsewhere_is_not_taken(world: World) -> None:
    fetching = Fetching(world)
    world.source.faults.extend([Cut(5000), Misplace(1)])

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert fetching.offsets == [0, 5000, 0]
    # The pieces before the cut and those of the whole; none of the wrong part.
    assert len(fetching.shown) == 5 + 10


async def test_a_source_that_ends_early_is_asked_for_the_rest(world: World) -> None:
    fetching = Fetching(world, FakeFile(CONTENT[:4000], tells_total=False))
    world.source.faults.extend([None, Become(FakeFile(CONTENT))])

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert fetching.offsets == [0, 4000]


@pytest.mark.parametrize("etag", ['W/"weak"', None])
async def test_without_a_strong_version_a_cut_download_starts_again(
    world: World, etag: str | None
) -> None:
    fetching = Fetching(world, FakeFile(CONTENT, etag=etag))
    world.source.faults.append(Cut(5000))

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert [(r.offset, r.etag) for r in world.source.requests] == [(0, None), (0, None)]


async def test_416_on_a_whole_input_of_unknown_size_means_complete(world: World) -> None:
    fetching = Fetching(world, FakeFile(CONTENT, tells_total=False))
    world.source.faults.append(Cut(len(CONTENT)))

    await fetching.run(UNSIZED)

    assert fetching.partial.taken == CONTENT
    assert fetching.offsets == [0, len(CONTENT)]


async def test_416_on_a_source_that_shrank_starts_again(world: World) -> None:
    fetching = Fetching(world, FakeFile(b"x" * 9000, tells_total=False))
    shrunk = FakeFile(CONTENT[:4000], etag='"v1"')
    world.source.faults.extend([Cut(5000), Become(shrunk), Become(FakeFile(CONTENT))])

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert fetching.offsets == [0, 5000, 0]


async def test_a_corrupt_input_is_fetched_once_more(world: World, lines: Lines) -> None:
    fetching = Fetching(world, FakeFile(b"x" * len(CONTENT)))
    world.source.faults.extend([None, Become(FakeFile(CONTENT))])

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert fetching.offsets == [0, 0]
    assert "input.refetched" in [line["event"] for line in lines]


async def test_an_input_that_was_cut_at_its_very_end_is_checked_without_asking_again(
    world: World,
) -> None:
    fetching = Fetching(world)
    world.source.faults.append(Cut(len(CONTENT)))

    await fetching.run()

    assert fetching.offsets == [0]


async def test_a_corrupt_input_that_was_cut_at_its_very_end_is_fetched_once_more(
    world: World,
) -> None:
    fetching = Fetching(world, FakeFile(b"x" * len(CONTENT)))
    world.source.faults.extend([Cut(len(CONTENT)), Become(FakeFile(CONTENT))])

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert fetching.offsets == [0, 0]


async def test_an_input_that_is_corrupt_twice_is_corrupt(world: World) -> None:
    fetching = Fetching(world, FakeFile(b"x" * len(CONTENT)))

    with pytest.raises(InputCorruptError, match="sha256"):
        await fetching.run()

    assert fetching.offsets == [0, 0]


async def test_a_new_version_does_not_use_up_the_second_fetch(world: World) -> None:
    fetching = Fetching(world, FakeFile(b"x" * len(CONTENT), etag='"v0"', has_ranges=False))
    wrong = FakeFile(b"y" * len(CONTENT))
    world.source.faults.extend([Cut(5000), Become(wrong), Become(FakeFile(CONTENT))])

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert fetching.offsets == [0, 5000, 0]


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"!"])
@pytest.mark.parametrize("tells_total", [True, False])
async def test_a_source_of_another_length_than_promised_is_corrupt(
    world: World, content: bytes, tells_total: bool
) -> None:
    fetching = Fetching(world, FakeFile(content, tells_total=tells_total))

    with pytest.raises(InputCorruptError):
        await fetching.run()


async def test_no_more_is_taken_of_a_source_that_sends_too_much(world: World) -> None:
    fetching = Fetching(world, FakeFile(CONTENT * 50, tells_total=False))

    with pytest.raises(InputCorruptError):
        await fetching.run()

    assert max(fetching.shown) == 1.0
    assert len(fetching.shown) == 2 * 11
    assert fetching.offsets == [0, 0]


async def test_a_source_that_sent_too_much_may_be_right_the_second_time(world: World) -> None:
    fetching = Fetching(world, FakeFile(CONTENT + b"!", tells_total=False))
    world.source.faults.extend([None, Become(FakeFile(CONTENT))])

    await fetching.run()

    assert fetching.partial.taken == CONTENT


async def test_an_input_of_unknown_size_and_digest_is_taken_as_it_is(world: World) -> None:
    fetching = Fetching(world, FakeFile(CONTENT, tells_total=False))

    await fetching.run(replace(UNSIZED, sha256=None))

    assert fetching.partial.taken == CONTENT


async def test_a_transfer_under_1_kib_a_second_is_cut_after_a_minute_and_resumed(
    world: World,
) -> None:
    fetching = Fetching(world)
    world.source.faults.append(Trickle(after=4096))

    await fetching.run()

    assert [(r.at, r.offset) for r in world.source.requests] == [(0.0, 0), (61.0, 4696)]
    assert fetching.partial.taken == CONTENT


async def test_a_slow_but_moving_transfer_is_not_cut(world: World, clock: LoopClock) -> None:
    content = b"z" * 200_000
    fetching = Fetching(world, FakeFile(content))
    world.source.bytes_per_s = 1100.0

    await fetching.run(offer_of("j1", content).input)

    assert fetching.offsets == [0]
    assert clock.now() > 3 * MINUTE


async def test_five_answers_in_vain_make_an_input_unavailable(world: World) -> None:
    fetching = Fetching(world)
    world.source.faults.extend([down(answered=True)] * 9)

    with pytest.raises(InputUnavailableError):
        await fetching.run()

    assert len(fetching.offsets) == 5


async def test_an_outage_of_less_than_ten_minutes_is_outlived(world: World) -> None:
    fetching = Fetching(world)
    world.source.faults.extend([down()] * 12)

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert 5 * MINUTE < world.source.requests[-1].at < 10 * MINUTE


async def test_ten_minutes_without_a_byte_make_an_input_unavailable(
    world: World, clock: LoopClock
) -> None:
    fetching = Fetching(world)
    world.source.faults.extend([down()] * 100)

    with pytest.raises(InputUnavailableError):
        await fetching.run()

    assert 10 * MINUTE <= clock.now() < 11 * MINUTE


async def test_a_source_that_refuses_for_good_is_not_asked_again(world: World) -> None:
    fetching = Fetching(world)
    world.source.faults.append(Refuse(InputUnavailableError("the source answered 404")))

    with pytest.raises(InputUnavailableError):
        await fetching.run()

    assert fetching.offsets == [0]


async def test_an_input_of_unknown_size_that_grows_too_large_goes_back(world: World) -> None:
    world.set_policy(max_input=Bytes(5000))
    fetching = Fetching(world, FakeFile(CONTENT, tells_total=False))

    with pytest.raises(JobReturnedError, match="too_large"):
        await fetching.run(UNSIZED)

    assert fetching.partial.length == 5 * 1024


async def test_a_source_that_tells_too_large_a_size_is_not_read(world: World) -> None:
    world.set_policy(max_input=Bytes(5000))
    fetching = Fetching(world)

    with pytest.raises(JobReturnedError, match="too_large"):
        await fetching.run(UNSIZED)

    assert fetching.offsets == [0]
    assert fetching.partial.length == 0


async def test_an_input_that_is_known_to_be_too_large_is_not_fetched(world: World) -> None:
    world.set_policy(max_input=Bytes(5000))
    fetching = Fetching(world)

    with pytest.raises(JobReturnedError, match="too_large"):
        await fetching.run()

    assert fetching.offsets == []


async def test_an_input_for_which_the_disk_has_no_room_is_not_fetched(world: World) -> None:
    world.set_policy(disk_reserve=Bytes(1000))
    fetching = Fetching(world)
    world.spool.size = 2 * len(CONTENT) + 999

    with pytest.raises(JobReturnedError, match="disk_full"):
        await fetching.run()

    assert fetching.offsets == []


async def test_an_input_that_fits_with_its_results_and_the_reserve_is_fetched(world: World) -> None:
    world.set_policy(disk_reserve=Bytes(1000))
    fetching = Fetching(world)
    world.spool.size = 2 * len(CONTENT) + 1000

    await fetching.run()

    assert fetching.partial.taken == CONTENT


async def test_what_another_download_still_brings_is_left_free_for_it(world: World) -> None:
    world.set_policy(disk_reserve=Bytes(0))
    fetching = Fetching(world)
    world.spool.size = 3 * len(CONTENT)
    world.tools.awaited.note("another download", len(CONTENT) + 1)

    with pytest.raises(JobReturnedError, match="disk_full"):
        await fetching.run()


async def test_a_download_that_ended_awaits_nothing(world: World) -> None:
    fetching = Fetching(world)

    await fetching.run()
    with pytest.raises(JobReturnedError):
        await fetching.run(replace(REF, size=Bytes(1 << 40)))

    assert world.tools.awaited.besides("nobody") == 0


async def test_while_it_runs_a_download_awaits_what_is_missing(
    world: World, clock: LoopClock
) -> None:
    fetching = Fetching(world)
    world.source.faults.extend([Cut(4000), down()])
    seen: list[int] = []
    asyncio.get_running_loop().call_at(
        1.5, lambda: seen.append(world.tools.awaited.besides("nobody"))
    )

    await fetching.run()

    assert clock.now() > 1.5
    assert seen == [len(CONTENT) - 4000]


async def test_an_input_that_is_here_already_needs_no_room_to_be_checked(world: World) -> None:
    fetching = Fetching(world)
    await fetching.run()
    world.spool.size = 0

    await fetching.run()

    assert fetching.offsets == [0]


async def test_a_disk_that_fills_up_in_between_ends_the_download(world: World) -> None:
    fetching = Fetching(world)
    world.source.bytes_per_s = 1024.0
    asyncio.get_running_loop().call_at(3.5, lambda: setattr(world.spool, "size", 1000))

    with pytest.raises(DiskFullError):
        await fetching.run()

    assert fetching.offsets == [0]


async def test_a_disk_that_fills_up_between_two_requests_hands_the_job_back(world: World) -> None:
    fetching = Fetching(world)
    world.source.faults.append(Cut(5000))
    asyncio.get_running_loop().call_at(0.5, lambda: setattr(world.spool, "size", 1000))

    with pytest.raises(JobReturnedError, match="disk_full"):
        await fetching.run()

    assert fetching.offsets == [0]


async def test_an_input_of_unknown_size_stops_at_the_reserve_of_the_disk(world: World) -> None:
    content = bytes(40 * MIB)
    fetching = Fetching(world, FakeFile(content, tells_total=False))
    world.source.chunk = MIB
    world.set_policy(disk_reserve=Bytes(100 * MIB))
    world.spool.folders[LeaseId("l1")] = await world.spool.open_job(offer_of())
    fetching.partial = world.spool.folders[LeaseId("l1")].input
    world.spool.size = 120 * MIB

    with pytest.raises(JobReturnedError, match="disk_full"):
        await fetching.run(replace(UNSIZED, sha256=None))

    assert fetching.partial.length == 16 * MIB


async def test_an_input_that_comes_too_slowly_is_handed_back_and_kept(
    world: World, clock: LoopClock
) -> None:
    world.set_policy(download_timeout=Seconds(60.0))
    content = b"z" * 200 * 1024
    fetching = Fetching(world, FakeFile(content))
    world.source.bytes_per_s = 1024.0

    with pytest.raises(JobReturnedError, match=r"too slow: 6[01]440 bytes .* within 1 minutes"):
        await fetching.run(offer_of("j1", content).input)

    assert clock.now() == 60.0
    assert fetching.partial.flushed == fetching.partial.length > 0


async def test_the_time_of_a_download_runs_through_its_pauses(
    world: World, clock: LoopClock
) -> None:
    world.set_policy(download_timeout=Seconds(300.0))
    fetching = Fetching(world)
    world.source.faults.extend([down()] * 100)

    with pytest.raises(JobReturnedError, match="too slow"):
        await fetching.run()

    assert clock.now() == 300.0
    assert world.tools.awaited.besides("nobody") == 0


async def test_a_download_that_gets_on_between_cuts_does_not_pause(
    world: World, clock: LoopClock
) -> None:
    content = bytes(20 * MIB)
    fetching = Fetching(world, FakeFile(content))
    world.source.chunk = MIB
    world.source.faults.extend(cut(*[MIB] * 19))

    await fetching.run(offer_of("j1", content).input)

    assert len(fetching.offsets) == 20
    assert clock.now() == 0.0


async def test_even_a_download_that_gets_on_waits_as_long_as_the_source_asks(world: World) -> None:
    content = bytes(3 * MIB)
    fetching = Fetching(world, FakeFile(content))
    world.source.faults.extend([Cut(MIB), down(retry_after=40.0), Cut(MIB), None])

    await fetching.run(offer_of("j1", content).input)

    assert [r.at for r in world.source.requests] == [0.0, 0.0, 40.0, 40.0]


async def test_a_source_that_sends_a_part_at_a_time_is_asked_for_all_of_them(world: World) -> None:
    """Where nobody promised a size, the source's word on it counts."""
    fetching = Fetching(world, FakeFile(CONTENT, most=4000))

    await fetching.run(replace(UNSIZED, sha256=None))

    assert fetching.partial.taken == CONTENT
    assert fetching.offsets == [0, 4000, 8000]


async def test_a_server_that_forgot_us_hears_hello_and_is_asked_again(world: World) -> None:
    fetching = Fetching(world)
    world.source.faults.append(Refuse(UnknownAgentError("who?")))

    await fetching.run()

    assert fetching.partial.taken == CONTENT
    assert world.server.times("hello") == [0.0]


async def test_our_own_limit_is_not_taken_for_a_stall_of_the_source(
    world: World, clock: LoopClock
) -> None:
    """512 bytes a second are left for this one; the source would give them at once."""
    content = bytes(100_000)
    fetching = Fetching(world, FakeFile(content))
    world.source.chunk, world.source.held_by = 1024, 2.0

    await fetching.run(offer_of("j1", content).input)

    assert fetching.offsets == [0]
    assert clock.now() > 180
