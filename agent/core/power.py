"""Heat, electric power and the battery: limits that the owner may set, each with a way back.

    cool --over the limit, twice--> resting --below the limit by a margin, for 30 s--> cool
    mains --on battery, twice--> resting --for 5 min--> handed back --mains for 10 s--> mains

The margins keep a GPU from being switched on and off by its own warmth. A pause is the only way in
which a program without root can lower what a card draws; `nvidia-smi --power-limit` does it better.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from agent.core.ladder import Ladder
from agent.model.gpu_state import GpuState, HostState, Look
from agent.model.ids import Instant, Seconds
from agent.model.restraint import Restraint, Rung

COOLING = Seconds(30.0)
COOLER_BY = 8
"""Degrees below the limit at which work goes on."""
LESS_BY = 0.1
"""Share of the limit below it at which work goes on."""
ON_MAINS = Seconds(10.0)
ON_BATTERY = Seconds(300.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerPolicy:
    """What the owner allows; None is no limit."""

    max_temperature_c: float | None = None
    max_watts: float | None = None
    works_on_battery: bool = False


class Power:
    """Told every look and the time; says where to step back, how far, and why."""

    def __init__(self, policy: PowerPolicy) -> None:
        self._policy = policy
        self._gpus: dict[str, _Warmth] = {}
        self._battery = Ladder(quiet=ON_MAINS, hand_back_after=ON_BATTERY)
        self._percent: int | None = None

    @property
    def restraints(self) -> Mapping[str | None, Restraint]:
        """By the UUID of the GPU; None is the whole box."""
        found: dict[str | None, Restraint] = {
            uuid: one
            for uuid, gpu in self._gpus.items()
            if (one := gpu.restraint(uuid)) is not None
        }
        if self._battery.rung is not Rung.WORK:
            level = "" if self._percent is None else f" ({self._percent} %)"
            why = f"the box runs on its battery{level}; back on mains (see guest.on_battery)"
            found[None] = Restraint(rung=self._battery.rung, why=why, until=self._battery.back_at)
        return found

    @property
    def next_wakeup(self) -> Instant | None:
        return self._battery.next_wakeup

    def on_look(self, look: Look, now: Instant) -> None:
        if look.is_blind:
            return
        seen = {state.uuid: state for state in look.sight.gpus}
        self._gpus = {uuid: self._gpus.get(uuid) or _Warmth(self._policy) for uuid in seen}
        for uuid, state in seen.items():
            self._gpus[uuid].on_look(state, now)
        self._on_host(look.host, now)

    def on_wakeup(self, now: Instant) -> None:
        self._battery.on_wakeup(now)

    def _on_host(self, host: HostState, now: Instant) -> None:
        self._percent = host.battery_percent
        if host.is_on_battery and not self._policy.works_on_battery:
            self._battery.on_asked(now)
        else:
            self._battery.on_quiet(now)


class _Warmth:
    """One GPU's temperature and draw."""

    def __init__(self, policy: PowerPolicy) -> None:
        self._policy = policy
        self._why = ""
        self._ladder = Ladder(quiet=COOLING, hand_back_after=None)

    def on_look(self, state: GpuState, now: Instant) -> None:
        is_resting = self._ladder.rung >= Rung.PAUSE
        why = next(self._excesses(state, is_resting=is_resting), None)
        if why is None:
            self._ladder.on_quiet(now)
            return
        self._why = f"GPU {state.index} {why}"
        self._ladder.on_asked(now)

    def restraint(self, uuid: str) -> Restraint | None:
        if self._ladder.rung is Rung.WORK:
            return None
        return Restraint(
            rung=self._ladder.rung,
            why=self._why,
            until=self._ladder.back_at,
            devices=frozenset({uuid}),
        )

    def _excesses(self, state: GpuState, *, is_resting: bool) -> Iterator[str]:
        """What is over its limit; while we rest, over what lets us work again."""
        hottest, degrees = self._policy.max_temperature_c, state.temperature_c
        if hottest is not None and degrees is not None:
            least = hottest - COOLER_BY
            if degrees > (least if is_resting else hottest):
                yield (
                    f"is at {degrees} °C, and {hottest:g} °C is the limit;"
                    f" back when it has cooled to {least:g} °C"
                )
        most, watts = self._policy.max_watts, state.draw.watts
        if most is not None and watts is not None:
            least = most * (1.0 - LESS_BY)
            if watts > (least if is_resting else most):
                yield (
                    f"draws {watts:.0f} W, and {most:g} W is the limit;"
                    f" back when it has drawn less than {least:.0f} W for {COOLING:g} s"
                )
