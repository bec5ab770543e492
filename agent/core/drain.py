"""How an agent comes to its end.

    RUNNING --SIGINT, drain, enough jobs--> DRAINING --SIGINT, stop--> RETURNING
    RUNNING, DRAINING --SIGTERM--> FINISHING --its grace is over, SIGINT, stop--> RETURNING
    RETURNING --SIGINT--> LEAVING

DRAINING finishes what is held, however long it takes. FINISHING lets only that finish which can
within the grace. RETURNING hands everything back; LEAVING does not even do that. A later mode is
never left for an earlier one.
"""

from enum import IntEnum

from agent.model.ids import Instant, Seconds
from agent.model.lease import Directive


class Mode(IntEnum):
    RUNNING = 0
    DRAINING = 1
    FINISHING = 2
    RETURNING = 3
    LEAVING = 4


class Drain:
    """Told signals, directives and the time; says which mode the agent is in and why."""

    def __init__(self, *, grace: Seconds) -> None:
        self._grace = grace
        self._mode = Mode.RUNNING
        self._reason = ""
        self._return_at: Instant | None = None

    @property
    def mode(self) -> Mode:
        return self._mode

    @property
    def reason(self) -> str:
        return self._reason

    @property
    def next_wakeup(self) -> Instant | None:
        """When the grace ends."""
        return self._return_at if self._mode is Mode.FINISHING else None

    def on_grace(self, grace: Seconds) -> None:
        """The owner gives another one from now on."""
        self._grace = grace

    def on_interrupt(self) -> None:
        """SIGINT: once drains, twice hands back, three times leaves."""
        match self._mode:
            case Mode.RUNNING:
                self._enter(Mode.DRAINING, "interrupted")
            case Mode.DRAINING | Mode.FINISHING:
                self._enter(Mode.RETURNING, "interrupted twice")
            case Mode.RETURNING | Mode.LEAVING:
                self._enter(Mode.LEAVING, "interrupted three times")

    def on_terminate(self, now: Instant) -> None:
        """SIGTERM."""
        if self._mode < Mode.FINISHING:
            self._return_at = Instant(now + self._grace)
            self._enter(Mode.FINISHING, "terminated")

    def on_directive(self, directive: Directive, reason: str | None) -> None:
        if directive is Directive.DRAIN:
            self._enter(Mode.DRAINING, reason or "the server asked us to drain")
        elif directive is Directive.STOP:
            self._enter(Mode.RETURNING, reason or "the server asked us to stop")

    def on_enough(self, reason: str) -> None:
        """The owner wanted no more than this."""
        self._enter(Mode.DRAINING, reason)

    def on_wakeup(self, now: Instant) -> None:
        if self._mode is Mode.FINISHING and self._return_at is not None and now >= self._return_at:
            self._enter(Mode.RETURNING, "the stop grace is over")

    def _enter(self, mode: Mode, reason: str) -> None:
        if mode > self._mode:
            self._mode, self._reason = mode, reason
