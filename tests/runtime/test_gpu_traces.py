"""What comes of each trace: which rung, when, and why, as a table."""

import asyncio
from contextlib import suppress

import pytest

from agent.compose.box import keepers_of
from agent.config import Settings
from agent.model.restraint import Restraint, Rung
from agent.runtime.watching import EVERY, SOON, Watching
from tests.fakes.gpu_trace import NAMES, Trace, TraceWatch
from tests.runtime.conftest import Lines
from tests.virtual_time import LoopClock

W, N, P, H = Rung.WORK, Rung.TAKE_NOTHING, Rung.PAUSE, Rung.HAND_BACK
BACK = "back after a quiet minute"
SETTINGS = Settings(gpu_require=True, gpu_max_temperature_c=80)

Row = tuple[float, str, Rung, str]
"""When, from which source, the rung from then on, and what the owner reads."""

TABLE: dict[str, list[Row]] = {
    "idle": [
        (22, "guest:GPU-0", N, f"GPU 0 is used by firefox (0.3 GB), load 38 %; {BACK}"),
        (23, "guest:GPU-0", W, ""),
    ],
    "game": [
        (14, "guest:GPU-0", N, f"GPU 0 is used by game.exe (3.2 GB); {BACK}"),
        (15, "guest:GPU-0", P, f"GPU 0 is used by game.exe (3.2 GB); {BACK}"),
        (75, "guest:GPU-0", H, f"GPU 0 is used by game.exe (5.2 GB); {BACK}"),
        (179, "guest:GPU-0", H, f"GPU 0 was used by game.exe (5.3 GB); {BACK}"),
        (239, "guest:GPU-0", W, ""),
    ],
    "video_call": [
        (20, "guest:GPU-0", N, f"GPU 0 is used by zoom (0.3 GB), encoder 9 %; {BACK}"),
        (21, "guest:GPU-0", P, f"GPU 0 is used by zoom (0.3 GB), encoder 9 %; {BACK}"),
        (35, "guest:GPU-0", P, f"GPU 0 was used by zoom (0.3 GB), encoder 9 %; {BACK}"),
        (37, "guest:GPU-0", P, f"GPU 0 is used by zoom (0.3 GB), encoder 11 %; {BACK}"),
        (49, "guest:GPU-0", P, f"GPU 0 was used by zoom (0.3 GB), encoder 11 %; {BACK}"),
        (109, "guest:GPU-0", W, ""),
    ],
    "other_ml_job": [
        (8, "guest:GPU-0", N, f"GPU 0 is used by python3 (0.4 GB); {BACK}"),
        (9, "guest:GPU-0", P, f"GPU 0 is used by python3 (0.4 GB); {BACK}"),
        (69, "guest:GPU-0", H, f"GPU 0 is used by python3 (18.2 GB); {BACK}"),
        (99, "guest:GPU-0", H, f"GPU 0 was used by python3 (18.2 GB); {BACK}"),
        (159, "guest:GPU-0", W, ""),
    ],
    "recorded_h100": [
        (14, "guest:GPU-0", N, f"GPU 0 is used by python3 (7.1 GB); {BACK}"),
        (15, "guest:GPU-0", P, f"GPU 0 is used by python3 (7.1 GB); {BACK}"),
        (75, "guest:GPU-0", H, f"GPU 0 is used by python3 (7.1 GB); {BACK}"),
        (89, "guest:GPU-0", H, f"GPU 0 was used by python3 (7.1 GB); {BACK}"),
        (149, "guest:GPU-0", W, ""),
    ],
    "lost_gpu": [
        (20, "gpu", N, "a GPU is required: GPU 0 does not answer (GpuIsLost)"),
        (20, "gpu:GPU-0", N, "GPU 0 does not answer (GpuIsLost): after a suspend reload"),
        (60, "gpu", W, ""),
        (60, "gpu:GPU-0", W, ""),
    ],
    "throttling": [
        (10, "power:GPU-0", N, "GPU 0 is at 81 °C, and 80 °C is the limit"),
        (12, "power:GPU-0", P, "GPU 0 is at 83 °C, and 80 °C is the limit"),
        (60, "power:GPU-0", W, ""),
    ],
    "late_gpu": [
        (0, "gpu", N, "a GPU is required: no NVIDIA driver is loaded (LibraryNotFound)"),
        (20, "gpu", N, "a GPU is required: no NVIDIA driver is loaded (DriverNotLoaded)"),
        (40, "gpu", W, ""),
    ],
    "two_gpus_one_busy": [
        (10, "guest:GPU-0", N, f"GPU 0 is used by game.exe (6.0 GB); {BACK}"),
        (11, "guest:GPU-0", P, f"GPU 0 is used by game.exe (6.0 GB); {BACK}"),
        (39, "guest:GPU-0", P, f"GPU 0 was used by game.exe (6.0 GB); {BACK}"),
        (99, "guest:GPU-0", W, ""),
    ],
}
EVENTS = {
    "idle": [],
    "game": ["guest.yielded", "guest.yielded", "guest.returned"],
    "video_call": ["guest.yielded", "guest.returned"],
    "other_ml_job": ["guest.yielded", "guest.yielded", "guest.returned"],
    "recorded_h100": ["guest.yielded", "guest.yielded", "guest.returned"],
    "lost_gpu": ["gpu.lost", "gpu.appeared"],
    "throttling": ["power.yielded", "power.returned"],
    "late_gpu": ["gpu.appeared"],
    "two_gpus_one_busy": ["guest.yielded", "guest.returned"],
}


async def played(name: str, clock: LoopClock) -> list[Row]:
    """Each change of what the board is told; a sentence alone that changes is no step."""
    trace, rows = Trace(name), list[Row]()

    def restrain(source: str, restraint: Restraint | None) -> None:
        rung, why = (W, "") if restraint is None else (restraint.rung, restraint.why)
        last = next((row for row in reversed(rows) if row[1] == source), None)
        is_same = last is not None and last[2] is rung and _verb(last[3]) == _verb(why)
        if not is_same:
            rows.append((clock.now(), source, rung, why))

    watching = Watching(
        TraceWatch(trace, clock),
        keepers_of(SETTINGS),
        clock,
        restrain,
        is_computing=lambda: trace.at(clock.now()).is_computing,
    )
    with suppress(TimeoutError):
        async with asyncio.timeout(trace.until):
            await watching.run()
    return sorted(rows, key=lambda row: (row[0], row[1]))


def _verb(why: str) -> str:
    """Whether it is so, was so, or which driver's fault it is."""
    return next(
        (word for word in (" was ", "(LibraryNotFound", "(DriverNotLoaded") if word in why), ""
    )


@pytest.mark.parametrize("name", NAMES)
async def test_each_trace_takes_the_steps_of_the_table(name: str, clock: LoopClock) -> None:
    rows = await played(name, clock)

    expected = TABLE[name]
    assert [row[:3] for row in rows] == [row[:3] for row in expected]
    for row, wanted in zip(rows, expected, strict=True):
        assert row[3].startswith(wanted[3])


@pytest.mark.parametrize("name", NAMES)
async def test_the_log_tells_each_trace_in_a_few_lines(
    name: str, clock: LoopClock, lines: Lines
) -> None:
    await played(name, clock)

    told = [line["event"] for line in lines if line["log_level"] != "debug"]
    # A GPU that is there at the start appears once for each, and a required one that is not
    # is told by its own source.
    at_start = len(Trace(name).frames[0].cards)
    assert told[:at_start] == ["gpu.appeared"] * at_start
    assert [one for one in told[at_start:] if one not in {"gpu.yielded", "gpu.returned"}] == EVENTS[
        name
    ]


def test_every_trace_stands_in_the_table() -> None:
    assert set(TABLE) == set(EVENTS) == set(NAMES)


@pytest.mark.parametrize(
    "name", [name for name, rows in TABLE.items() if any(r[2] is P for r in rows)]
)
def test_the_second_look_at_foreign_use_comes_soon(name: str) -> None:
    rows = [row for row in TABLE[name] if row[2] in {N, P}]

    assert rows[1][0] - rows[0][0] <= (SOON if rows[0][1].startswith("guest") else EVERY)
