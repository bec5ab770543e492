"""Plays a trace from `tests/gpu_traces` as if it were the NVML library of a box."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.model.gpu_state import HostState, Look
from agent.ports import Clock
from tests.fakes.nvml import ERRORS, MB, Card, FakeNvml, MemoryInfo, Process, seen_by

FOLDER = Path(__file__).parent.parent / "gpu_traces"
NAMES = tuple(sorted(file.stem for file in FOLDER.glob("*.json")))
OUR_PID = 4242
TOTAL = 24_000 * MB


@dataclass(frozen=True)
class Frame:
    t: float
    cards: tuple[Card, ...]
    broken: str | None
    is_computing: bool


class Trace:
    def __init__(self, name: str) -> None:
        told: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
        self.until: float = told["until"]
        self.frames = tuple(_frame(one) for one in told["frames"])

    def at(self, t: float) -> Frame:
        return max((one for one in self.frames if one.t <= t), key=lambda one: one.t)


class ReplayedNvml(FakeNvml):
    """As the real library: what was lost, or was not there when it was opened, stays so."""

    def __init__(self, trace: Trace, clock: Clock) -> None:
        super().__init__()
        self._trace = trace
        self._clock = clock
        self._lost: set[str] = set()

    def nvmlInit(self) -> None:  # noqa: N802
        self._lost.clear()
        self._play()
        super().nvmlInit()

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        self._play()
        return super().nvmlDeviceGetCount()

    def _play(self) -> None:
        frame = self._trace.at(self._clock.now())
        kind = ERRORS["GpuIsLost"]
        self._lost |= {card.uuid for card in frame.cards if card.lost}
        self.broken = ERRORS[frame.broken](frame.broken) if frame.broken else None
        self.cards = [
            Card(uuid=card.uuid, lost=kind) if card.uuid in self._lost else card
            for card in frame.cards
        ]


class TraceWatch:
    """The `Watch` port: the real NVML edge over a trace, with the numbers of our processes."""

    def __init__(self, trace: Trace, clock: Clock) -> None:
        self._nvml = seen_by(ReplayedNvml(trace, clock), now=clock.now)

    async def look(self) -> Look:
        sight = self._nvml.states()
        return Look(sight=sight, host=HostState(), own_pids=frozenset({OUR_PID}))


def _frame(told: dict[str, Any]) -> Frame:
    return Frame(
        t=told["t"],
        cards=tuple(_card(one) for one in told["cards"]),
        broken=told.get("broken"),
        is_computing=told.get("is_computing", False),
    )


def _card(told: dict[str, Any]) -> Card:
    lost = told.get("lost")
    return Card(
        uuid=told["uuid"],
        memory=MemoryInfo(total=TOTAL, used=told["used_mb"] * MB),
        utilization=told["load"],
        temperature=told["temperature"],
        encoder=told["encoder"],
        milliwatts=told["watts"] * 1000,
        reasons=told["reasons"],
        processes=tuple(
            Process(pid, name, mb * MB, kind, compute, encoder)
            for pid, name, mb, kind, compute, encoder in told["processes"]
        ),
        lost=ERRORS[lost] if lost else None,
    )
