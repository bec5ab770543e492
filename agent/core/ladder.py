"""Steps back when something asks for it, and comes back when that has been quiet for long enough.

    WORK --asked--> TAKE_NOTHING --asked again--> PAUSE --asked for `hand_back_after`--> HAND_BACK
     ^ ^                 |                          |                                      |
     | └──── quiet ──────┘                          |                                      |
     └──────────────── quiet for `quiet` ───────────┴──────────────────────────────────────┘

The first sighting costs next to nothing, and is undone by the next. From the second on the way
back takes the whole quiet time, however short the disturbance was, and every sighting begins it
anew. Only a sighting brings us back: who does not look knows nothing.
"""

from agent.model.ids import Instant, Seconds
from agent.model.restraint import Rung

SIGHTINGS = 2
"""In a row, until computing stops."""


class Ladder:
    """Told what each look at the box shows, and the time; says how far to step back."""

    def __init__(self, *, quiet: Seconds, hand_back_after: Seconds | None) -> None:
        self._quiet = quiet
        self._hand_back_after = hand_back_after
        self._sightings = 0
        """In a row."""
        self._yielded_at: Instant | None = None
        self._quiet_since: Instant | None = None
        self._rung = Rung.WORK

    @property
    def rung(self) -> Rung:
        return self._rung

    @property
    def back_at(self) -> Instant | None:
        """When it will have been quiet for long enough, if it stays so."""
        return None if self._quiet_since is None else Instant(self._quiet_since + self._quiet)

    @property
    def next_wakeup(self) -> Instant | None:
        """When the job is handed back, if nothing is seen until then."""
        wait, since = self._hand_back_after, self._yielded_at
        if (
            wait is None
            or since is None
            or self._quiet_since is not None
            or self._rung is Rung.HAND_BACK
        ):
            return None
        return Instant(since + wait)

    def on_asked(self, now: Instant) -> None:
        self._quiet_since = None
        self._sightings += 1
        if self._yielded_at is None:
            self._rung = Rung.TAKE_NOTHING
            if self._sightings >= SIGHTINGS:
                self._yielded_at, self._rung = now, Rung.PAUSE
        self.on_wakeup(now)

    def on_quiet(self, now: Instant) -> None:
        self._sightings = 0
        if self._yielded_at is None:
            self._rung = Rung.WORK
            return
        if self._quiet_since is None:
            self._quiet_since = now
        if now >= self._quiet_since + self._quiet:
            self._yielded_at = self._quiet_since = None
            self._rung = Rung.WORK

    def on_blind(self) -> None:
        """A look that saw nothing: the quiet has to begin anew."""
        self._quiet_since = None

    def on_wakeup(self, now: Instant) -> None:
        due = self.next_wakeup
        if due is not None and now >= due:
            self._rung = Rung.HAND_BACK
