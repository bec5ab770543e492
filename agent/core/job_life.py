"""The life of one held job, as a table.

    FETCHING --INPUT_READY--> WAITING --SLOT_GRANTED--> PROCESSING --PRODUCED--> DELIVERING
        |________ENDED_____________|_________ENDED______________|_______ENDED________|--> OVER

An event that the table does not list is a bug in the caller and raises. After a restart a job
begins where its journal says: an interrupted computation is begun again.
"""

from collections.abc import Mapping
from enum import Enum, auto

from agent.model.held import Journal
from agent.model.lease import Stage

MOST_COMPUTATIONS = 5
"""One that takes the whole agent along each time must not do so for ever."""


class Phase(Enum):
    FETCHING = auto()
    WAITING = auto()
    """The input is whole and checked; all slots compute."""
    PROCESSING = auto()
    DELIVERING = auto()
    """The result is on disk: from here on it is never thrown away for our own reasons."""
    OVER = auto()


class Event(Enum):
    INPUT_READY = auto()
    SLOT_GRANTED = auto()
    PRODUCED = auto()
    ENDED = auto()


_NEXT: Mapping[Phase, Mapping[Event, Phase]] = {
    Phase.FETCHING: {Event.INPUT_READY: Phase.WAITING, Event.ENDED: Phase.OVER},
    Phase.WAITING: {Event.SLOT_GRANTED: Phase.PROCESSING, Event.ENDED: Phase.OVER},
    Phase.PROCESSING: {Event.PRODUCED: Phase.DELIVERING, Event.ENDED: Phase.OVER},
    Phase.DELIVERING: {Event.ENDED: Phase.OVER},
    Phase.OVER: {},
}

STAGE_OF: Mapping[Phase, Stage] = {
    Phase.FETCHING: Stage.DOWNLOADING,
    Phase.WAITING: Stage.QUEUED,
    Phase.PROCESSING: Stage.PROCESSING,
    Phase.DELIVERING: Stage.UPLOADING,
    Phase.OVER: Stage.UPLOADING,
}
"""What renewals call it."""


def phase_at_start(journal: Journal) -> Phase:
    """Where a job that an earlier start held goes on."""
    if journal.finished is not None:
        return Phase.DELIVERING
    return Phase.WAITING if journal.is_input_whole else Phase.FETCHING


class IllegalMoveError(Exception):
    """The caller reported something that cannot happen in this phase."""


def advance(phase: Phase, event: Event) -> Phase:
    try:
        return _NEXT[phase][event]
    except KeyError:
        raise IllegalMoveError(f"{event.name} while {phase.name}") from None
