"""What the clocks of the world show: all are hung on the loop's true time."""

from agent.model.ids import Instant
from tests.simulation.loop import SimulationLoop

EPOCH = 1_800_000_000.0


def wall(loop: SimulationLoop) -> float:
    """The true time of day."""
    return EPOCH + loop.true_time()


class ServerTime:
    """One process of the server: it never jumps, but somebody may have set it before it began."""

    def __init__(self, loop: SimulationLoop, is_wrong_by: float) -> None:
        self._loop = loop
        self._wrong = is_wrong_by

    def now(self) -> float:
        return wall(self._loop) + self._wrong


class BootTime:
    """In place of the module `time` for `SystemClock`: counts the time that a machine sleeps."""

    CLOCK_BOOTTIME = 7

    def __init__(self, loop: SimulationLoop) -> None:
        self._loop = loop

    def clock_gettime(self, _which: int) -> Instant:
        return Instant(self._loop.true_time())
