"""May an input be fetched, and if not, why: looked at before its first byte, each time it is asked.

The law: what is admitted fits on the disk beside everything that was admitted before it.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from agent.model.ids import Bytes, Seconds

MINUTE = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What admission looks at."""

    size: Bytes | None
    """Promised, or told by the source; None: nobody has said it."""
    have: Bytes
    """Bytes that are on the disk already."""
    largest: Bytes
    disk_free: Bytes
    disk_reserve: Bytes
    awaited: Bytes
    """What other downloads still bring to the same disk."""
    time_left: Seconds
    time_given: Seconds


@dataclass(frozen=True, slots=True)
class Fetch:
    """Go on."""


@dataclass(frozen=True, slots=True)
class HandBack:
    """This box cannot take the input; another one, or a later hour, can."""

    reason: str


Decision = Fetch | HandBack


def admit(view: View) -> Decision:
    known = view.have if view.size is None else view.size
    if known > view.largest:
        return HandBack(f"too_large: the input is over {view.largest} bytes")
    if view.time_left <= 0:
        return too_slow(view.have, view.time_given)
    # Itself and, as much again, what comes of it: the same that we tell the server when we poll.
    needed = max(0, known - view.have) + known
    free = view.disk_free - view.disk_reserve - view.awaited
    if free < needed:
        return HandBack(
            f"disk_full: the input and its results need {needed} bytes, and the spool's disk has"
            f" {max(0, free)} beside its reserve and what is on its way"
        )
    return Fetch()


def too_slow(have: Bytes, given: Seconds) -> HandBack:
    return HandBack(f"too slow: {have} bytes of the input came within {given / MINUTE:g} minutes")


class Awaited:
    """What all running downloads still bring to the disk."""

    def __init__(self) -> None:
        self._missing: dict[Hashable, int] = {}

    def note(self, who: Hashable, missing: int) -> None:
        self._missing[who] = missing

    def forget(self, who: Hashable) -> None:
        self._missing.pop(who, None)

    @property
    def total(self) -> Bytes:
        return Bytes(sum(self._missing.values()))

    def besides(self, who: Hashable) -> Bytes:
        """What all but `who` still bring."""
        return Bytes(sum(size for other, size in self._missing.items() if other != who))
