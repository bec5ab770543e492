"""What the owner's hours ask for at this moment, and for how long.

Outside the compute hours nothing new is taken, and what is held is finished: they are about cost.
Quiet hours are about noise: nothing computes in them at all. Outside the network hours nothing is
fetched or sent, and so nothing is taken either; a result waits on the disk.
"""

from dataclasses import dataclass
from datetime import datetime

from agent.core.hours import WeeklyHours
from agent.model.ids import Instant, Seconds
from agent.model.restraint import Restraint, Rung

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")


@dataclass(frozen=True, slots=True)
class Moment:
    """The same moment on the steady clock and on the wall."""

    now: Instant
    wall: datetime

    def at(self, wall: datetime) -> Instant:
        return Instant(self.now + wall.timestamp() - self.wall.timestamp())


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """None: at any time, or for quiet hours never."""

    compute: WeeklyHours | None = None
    network: WeeklyHours | None = None
    quiet: WeeklyHours | None = None

    def restraint(self, moment: Moment) -> Restraint | None:
        """The severest; None: work."""
        if self.quiet is not None and self.quiet.is_open(moment.wall):
            return _of(Rung.HAND_BACK, "quiet hours", self.quiet, moment)
        if self.compute is not None and not self.compute.is_open(moment.wall):
            return _of(Rung.TAKE_NOTHING, "outside the compute hours", self.compute, moment)
        return self.network_restraint(moment)

    def network_restraint(self, moment: Moment) -> Restraint | None:
        """Why nothing may be fetched or sent."""
        if self.network is None or self.network.is_open(moment.wall):
            return None
        return _of(Rung.TAKE_NOTHING, "outside the network hours", self.network, moment)

    def quiet_from(self, moment: Moment) -> datetime | None:
        """When the next quiet hours begin; while they last, now. None: never."""
        if self.quiet is None or self.quiet.is_open(moment.wall):
            return None if self.quiet is None else moment.wall
        return self.quiet.next_change(moment.wall)

    def quiet_until(self, begin: datetime) -> datetime | None:
        """When the quiet hours are over that begin then; None: never."""
        return None if self.quiet is None else self.quiet.next_change(begin)

    def next_change(self, moment: Moment) -> Instant | None:
        """The next moment at which `restraint` may answer something else."""
        hours = filter(None, (self.compute, self.network, self.quiet))
        changes = filter(None, (each.next_change(moment.wall) for each in hours))
        return min(map(moment.at, changes), default=None)


def in_words(wall: datetime, seen_from: datetime) -> str:
    """`23:00`, or with its day when that is not today."""
    time = f"{wall:%H:%M}"
    return time if wall.date() == seen_from.date() else f"{DAYS[wall.weekday()]} {time}"


def seconds_until(wall: datetime, moment: Moment) -> Seconds:
    return Seconds(wall.timestamp() - moment.wall.timestamp())


def _of(rung: Rung, what: str, hours: WeeklyHours, moment: Moment) -> Restraint:
    end = hours.next_change(moment.wall)
    if end is None:
        return Restraint(rung=rung, why=f"{what}, which never end by these settings")
    why = f"{what}, until {in_words(end, moment.wall)}"
    return Restraint(rung=rung, why=why, until=moment.at(end))
