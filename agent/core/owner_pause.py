"""How long the owner's pause lasts, and how far the agent steps back for it.

    WORKING --pause--> PAUSED --its time is over, resume--> WORKING
                        |__^  pause again: the new one counts

With `free_gpu` computing waits at its next safe point; jobs that still wait `PATIENCE` later are
handed back for somebody else to compute.

A pause for a time is counted by the steady clock for as long as this machine runs, so that nobody
who sets the clock makes it longer or shorter. A reboot ends that clock; then the one on the wall
counts, but never for more than was asked for. A pause until a time of day follows the wall.
"""

from agent.model.ids import Instant, Seconds
from agent.model.pause import Pause, Reading
from agent.model.restraint import Restraint, Rung

PATIENCE = Seconds(60.0)
LOOK_EVERY = Seconds(30.0)
"""Whoever sets the clock on the wall wakes nobody."""


def left(pause: Pause, now: Reading) -> Seconds | None:
    """None: it has no end; 0 or less: it is over."""
    if pause.until is not None:
        return Seconds(pause.until - max(now.wall, pause.began.wall))
    if pause.lasts is None:
        return None
    return Seconds(pause.lasts - max(0.0, _gone(pause, now)))


def restraint(pause: Pause, now: Reading) -> Restraint | None:
    """None once it is over."""
    remaining = left(pause, now)
    if remaining is not None and remaining <= 0:
        return None
    return Restraint(
        rung=_rung(pause, now),
        why="paused by its owner",
        until=None if remaining is None else Instant(now.steady + remaining),
    )


def next_look(pause: Pause, now: Reading) -> Instant | None:
    """When the answers above have to be asked for again; None: they stay."""
    waits: list[float] = []
    if (remaining := left(pause, now)) is not None:
        waits.append(remaining)
    if pause.until is not None:
        waits.append(LOOK_EVERY)
    patience = PATIENCE - max(0.0, _gone(pause, now))
    if pause.free_gpu and patience > 0:
        waits.append(patience)
    return Instant(now.steady + max(0.0, min(waits))) if waits else None


def _rung(pause: Pause, now: Reading) -> Rung:
    if not pause.free_gpu:
        return Rung.TAKE_NOTHING
    return Rung.PAUSE if _gone(pause, now) < PATIENCE else Rung.HAND_BACK


def _gone(pause: Pause, now: Reading) -> float:
    """Seconds since it began; a wall that was set back since a reboot gives less than 0."""
    if now.boot and now.boot == pause.began.boot:
        return now.steady - pause.began.steady
    return now.wall - pause.began.wall
