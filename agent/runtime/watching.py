"""Looks at the box again and again, and carries to the agent what keeps it from working."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Protocol

import structlog

from agent.core.guest import Guest
from agent.core.power import Power
from agent.core.presence import Appeared, Lost, Presence
from agent.model.gpu_state import Look
from agent.model.ids import Instant, Seconds
from agent.model.restraint import Restraint, Rung
from agent.ports import Clock, Watch

EVERY = Seconds(2.0)
"""The first look that shows somebody else comes so late at the latest."""
SOON = Seconds(1.0)
"""From a first sighting to the look that decides: on a busy GPU a safe point may take 1.5 s, and
the whole of it is to take 5."""
WITHOUT_A_GPU = Seconds(10.0)
"""Then only a driver that comes late, the battery and the owner are looked for."""
LATEST_LOOK = Seconds(20.0)
"""With a driver that hangs until nobody waits for it any more."""

_log = structlog.get_logger(__name__)


class Restrain(Protocol):
    def __call__(self, source: str, restraint: Restraint | None, /) -> None:
        """What `source` asks for from now on; None: nothing any more."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Keepers:
    guest: Guest
    presence: Presence
    power: Power

    @property
    def next_wakeup(self) -> Instant | None:
        due = (self.guest.next_wakeup, self.power.next_wakeup)
        return min((one for one in due if one is not None), default=None)


class Watching:
    """Its sources are `guest`, `gpu` and `power` for the whole box, `guest:UUID` … for one GPU."""

    def __init__(
        self,
        watch: Watch,
        keepers: Keepers,
        clock: Clock,
        restrain: Restrain,
        *,
        is_computing: Callable[[], bool],
        is_within_hours: Callable[[], bool | None] = lambda: None,
    ) -> None:
        self._watch = watch
        self._keepers = keepers
        self._clock = clock
        self._restrain = restrain
        self._is_computing = is_computing
        self._is_within_hours = is_within_hours
        self._told: dict[str, Restraint] = {}
        self._was_owner_unknown = False

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            began = self._clock.now()
            look = await self._watch.look()
            self._hear(look)
            await self._rest_until(Instant(began + self._pause(look)))

    def _pause(self, look: Look) -> Seconds:
        if not look.sight.gpus:
            return WITHOUT_A_GPU
        guest = self._keepers.guest.restraints.values()
        is_suspicious = any(one.rung is Rung.TAKE_NOTHING for one in guest)
        return SOON if is_suspicious else EVERY

    async def _rest_until(self, when: Instant) -> None:
        while (due := self._keepers.next_wakeup) is not None and due < when:
            await self._clock.sleep_until(due)
            now = self._clock.now()
            self._keepers.guest.on_wakeup(now)
            self._keepers.power.on_wakeup(now)
            self._tell()
        await self._clock.sleep_until(when)

    def _hear(self, look: Look) -> None:
        keepers, now, is_computing = self._keepers, self._clock.now(), self._is_computing()
        for news in keepers.presence.on_look(look, is_computing=is_computing):
            match news:
                case Appeared(uuid, label, is_back):
                    _log.info("gpu.appeared", gpu=label, uuid=uuid, is_back=is_back)
                case Lost(uuid, label, why):
                    _log.warning("gpu.lost", gpu=label, uuid=uuid, reason=why)
        keepers.guest.on_look(
            look, now, is_computing=is_computing, is_within_hours=self._is_within_hours()
        )
        keepers.power.on_look(look, now)
        self._say_if_owner_unknown()
        self._tell()

    def _say_if_owner_unknown(self) -> None:
        is_unknown = self._keepers.guest.is_owner_unknown
        if is_unknown and not self._was_owner_unknown:
            _log.warning(
                "guest.owner_unknown",
                reason="nobody tells whether somebody is at this box: only other programs on the"
                " GPU make the agent step back",
            )
        self._was_owner_unknown = is_unknown

    def _tell(self) -> None:
        """Only what changed."""
        asked = {
            **_by_source("guest", self._keepers.guest.restraints),
            **_by_source("gpu", self._keepers.presence.restraints),
            **_by_source("power", self._keepers.power.restraints),
        }
        for source in self._told.keys() | asked.keys():
            before, after = self._told.get(source), asked.get(source)
            if before != after:
                _log_step(source, before, after)
                self._restrain(source, _until_a_look(after))
        self._told = asked


def _until_a_look(restraint: Restraint | None) -> Restraint | None:
    """Only a look ends it, after the moment that is foretold; the board would end it just then."""
    if restraint is None or restraint.until is None:
        return restraint
    return replace(restraint, until=Instant(restraint.until + LATEST_LOOK))


def _by_source(source: str, restraints: Mapping[str | None, Restraint]) -> Mapping[str, Restraint]:
    return {
        source if uuid is None else f"{source}:{uuid}": restraint
        for uuid, restraint in restraints.items()
    }


def _log_step(source: str, before: Restraint | None, after: Restraint | None) -> None:
    """Suspicions that pass are not worth a line, and neither is a sentence that only changed."""
    name, _, gpu = source.partition(":")
    was = Rung.WORK if before is None else before.rung
    rung = Rung.WORK if after is None else after.rung
    fields = {"rung": rung.name.lower(), **({"uuid": gpu} if gpu else {})}
    if after is not None and rung > was:
        is_serious = rung >= Rung.PAUSE or name == "gpu"
        log = _log.info if is_serious else _log.debug
        log(f"{name}.yielded" if is_serious else f"{name}.suspected", reason=after.why, **fields)
    elif rung is Rung.WORK and (was >= Rung.PAUSE or name == "gpu"):
        _log.info(f"{name}.returned", **fields)
