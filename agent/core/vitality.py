"""Whether the agent still lives: what its parts have promised to show, and by when.

    promise --shown in time--> the next promise
       `----overdue--> trouble, until it is shown or dismissed

Time is counted in looks: it grows by what went by between two of them, but by no more than twice
what was planned. A box that was asleep, and a process that was stopped or starved, could show
nothing, and nobody could see it either: that is no trouble.
"""

from dataclasses import dataclass

from agent.model.ids import Instant, Seconds

USUAL_LIMIT = Seconds(120.0)
LOOK_SHARE = 1 / 8
"""Of the limit: how often somebody has to look."""
LONGEST_STEP = 2.0
"""In planned looks."""
LOOP = "loop"


@dataclass(frozen=True, slots=True)
class _Promise:
    by: Instant
    words: str
    """What is the matter if nothing is shown by then."""


class Vitality:
    """Told by the loop, looked at from outside of it."""

    def __init__(self, limit: Seconds = USUAL_LIMIT) -> None:
        """`limit`: how long the event loop may stand still."""
        self._limit = limit
        self.look_every = Seconds(limit * LOOK_SHARE)
        self._promises: dict[str, _Promise] = {}
        self._seen_at: Instant | None = None
        self._now = Instant(0.0)

    def on_look(self, at: Instant) -> str | None:
        """Let time go on to the look at `at`, by any steady clock. The trouble, in one sentence."""
        gone = 0.0 if self._seen_at is None else at - self._seen_at
        self._seen_at = at
        self._now = Instant(self._now + min(max(0.0, gone), LONGEST_STEP * self.look_every))
        return self.trouble

    def on_tick(self) -> None:
        """The event loop moves."""
        self.promise(LOOP, self._limit, "the event loop stands still")

    def promise(self, sign: str, within: Seconds, words: str) -> None:
        """`sign` shows itself again within that time; what it has promised before is kept."""
        self._promises[sign] = _Promise(Instant(self._now + within), words)

    def dismiss(self, sign: str) -> None:
        """Nothing more is expected of it."""
        self._promises.pop(sign, None)

    @property
    def trouble(self) -> str | None:
        """As the last look saw it."""
        # A copy, in one step: the loop goes on while another thread reads this.
        promises = list(self._promises.values())
        first = min(promises, key=lambda one: one.by, default=None)
        if first is None or self._now <= first.by:
            return None
        return f"{first.words}: {self._now - first.by:.0f} s too long"
