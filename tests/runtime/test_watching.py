import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from agent.core.foreign_use import GuestPolicy, Mode
from agent.core.guest import Guest
from agent.core.power import Power, PowerPolicy
from agent.core.presence import Presence
from agent.model.gpu_state import Look
from agent.model.ids import Seconds
from agent.model.restraint import Restraint, Rung
from agent.runtime.board import Board
from agent.runtime.watching import EVERY, SOON, WITHOUT_A_GPU, Keepers, Watching
from tests.core.looks import gpu, look, process
from tests.fakes.watch import FakeWatch
from tests.runtime.conftest import Lines
from tests.virtual_time import LoopClock

GAME = look(gpu(process("game.exe", 3.2)))
CALM = look(gpu())


@dataclass
class Box:
    """A watched box and what its board was told."""

    clock: LoopClock
    looks: Mapping[float, Look]
    mode: Mode = Mode.ALWAYS
    hours: bool | None = None
    hand_back_after: float = 60.0
    told: list[tuple[float, str, Rung]] = field(default_factory=list[tuple[float, str, Rung]])
    restrain: Callable[[str, Restraint | None], None] = lambda *_: None

    def __post_init__(self) -> None:
        policy = GuestPolicy(mode=self.mode, hand_back_after=Seconds(self.hand_back_after))
        self.watch = FakeWatch(self.clock, self.looks)
        self.watching = Watching(
            self.watch,
            Keepers(
                guest=Guest(policy),
                presence=Presence(is_required=False),
                power=Power(PowerPolicy()),
            ),
            self.clock,
            self._restrain,
            is_computing=lambda: False,
            is_within_hours=lambda: self.hours,
        )

    async def live(self, seconds: float) -> "Box":
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self.watching.run()
        return self

    def _restrain(self, source: str, restraint: Restraint | None) -> None:
        rung = Rung.WORK if restraint is None else restraint.rung
        self.told.append((self.clock.now(), source, rung))
        self.restrain(source, restraint)


async def test_a_box_with_a_gpu_is_looked_at_every_two_seconds(clock: LoopClock) -> None:
    box = await Box(clock, {0: CALM}).live(7)

    assert box.watch.looked_at == [0, EVERY, 2 * EVERY, 3 * EVERY]


async def test_after_a_first_sighting_the_look_that_decides_comes_sooner(clock: LoopClock) -> None:
    box = await Box(clock, {0: CALM, 3: GAME}).live(8)

    assert box.watch.looked_at == [0, 2, 4, 4 + SOON, 7]


async def test_one_without_is_looked_at_less_often(clock: LoopClock) -> None:
    box = await Box(clock, {}).live(25)

    assert box.watch.looked_at == [0, WITHOUT_A_GPU, 2 * WITHOUT_A_GPU]


async def test_the_board_is_told_only_what_changes(clock: LoopClock) -> None:
    box = await Box(clock, {0: CALM, 10: GAME, 20: CALM}).live(200)

    assert box.told == [
        (10, "guest:GPU-A", Rung.TAKE_NOTHING),
        (11, "guest:GPU-A", Rung.PAUSE),
        (21, "guest:GPU-A", Rung.PAUSE),  # by now it is known until when
        (81, "guest:GPU-A", Rung.WORK),
    ]


async def test_a_job_is_handed_back_in_time_between_two_looks(clock: LoopClock) -> None:
    box = await Box(clock, {0: GAME}, hand_back_after=5.0).live(20)

    assert box.told[-1] == (6, "guest:GPU-A", Rung.HAND_BACK)


async def test_a_driver_that_hangs_is_told_and_the_loop_goes_on(
    clock: LoopClock, lines: Lines
) -> None:
    box = Box(clock, {0: CALM})
    await box.live(3)
    box.watch.hangs = True
    await box.live(30)

    assert (8, "gpu:GPU-A", Rung.TAKE_NOTHING) in box.told
    assert len(box.watch.looked_at) > 3
    assert "gpu.lost" in [line["event"] for line in lines]


async def test_only_a_look_ends_it_and_no_time_that_was_foretold(clock: LoopClock) -> None:
    box = Box(clock, {0: GAME, 20: CALM, 81: GAME})
    board = Board(clock.now())
    box.restrain = board.restrain
    await box.live(79)
    box.watch.hangs = True

    await box.live(4)  # what it foretold was 80

    assert [restraint.rung for _, restraint in board.in_force(clock.now())] == [Rung.PAUSE]


async def test_within_the_agreed_hours_nobody_makes_us_yield(clock: LoopClock) -> None:
    box = await Box(clock, {0: GAME}, mode=Mode.ON_SCHEDULE, hours=True).live(10)
    assert box.told == []

    box.hours = False
    await box.live(10)

    assert [rung for _, _, rung in box.told] == [Rung.TAKE_NOTHING, Rung.PAUSE]


async def test_an_owner_whom_nobody_sees_is_told_once(clock: LoopClock, lines: Lines) -> None:
    await Box(clock, {0: CALM}, mode=Mode.WHEN_IDLE).live(10)
    await Box(clock, {0: look(gpu(), owner_idle=500)}, mode=Mode.WHEN_IDLE).live(10)

    assert [line["event"] for line in lines].count("guest.owner_unknown") == 1


async def test_what_is_about_the_whole_box_has_a_source_of_its_own(clock: LoopClock) -> None:
    box = await Box(clock, {0: look(gpu(), is_on_battery=True)}).live(4)

    assert box.told == [(0, "power", Rung.TAKE_NOTHING), (2, "power", Rung.PAUSE)]


async def test_a_suspicion_that_passes_is_no_line_in_the_log(
    clock: LoopClock, lines: Lines
) -> None:
    await Box(clock, {0: CALM, 10: GAME, 11: CALM}).live(30)

    assert [line["event"] for line in lines if line["log_level"] != "debug"] == ["gpu.appeared"]


async def test_a_yield_is_logged_with_its_rung_gpu_and_reason(
    clock: LoopClock, lines: Lines
) -> None:
    await Box(clock, {0: CALM, 10: GAME, 20: CALM}).live(100)

    told = [line for line in lines if line["event"].startswith("guest.y")]
    assert told == [
        {
            "event": "guest.yielded",
            "log_level": "info",
            "rung": "pause",
            "uuid": "GPU-A",
            "reason": "GPU 0 is used by game.exe (3.2 GB); back after a quiet minute",
        }
    ]
    assert "guest.returned" in [line["event"] for line in lines]
