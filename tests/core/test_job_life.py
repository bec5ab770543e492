from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.core.job_life import (
    STAGE_OF,
    Event,
    IllegalMoveError,
    Phase,
    advance,
    phase_at_start,
)
from agent.model.held import Finished, Journal
from agent.model.lease import Stage
from tests.runtime.world import offer_of

LIVE = [phase for phase in Phase if phase is not Phase.OVER]
ORDER = {phase: place for place, phase in enumerate(Phase)}


def test_a_job_goes_from_its_input_to_its_delivery() -> None:
    phases = [Phase.FETCHING]
    for event in (Event.INPUT_READY, Event.SLOT_GRANTED, Event.PRODUCED, Event.ENDED):
        phases.append(advance(phases[-1], event))

    assert phases == list(Phase)


@pytest.mark.parametrize("phase", LIVE)
def test_every_live_phase_can_end(phase: Phase) -> None:
    assert advance(phase, Event.ENDED) is Phase.OVER


@pytest.mark.parametrize("event", list(Event))
def test_a_job_that_is_over_hears_nothing_more(event: Event) -> None:
    with pytest.raises(IllegalMoveError, match=f"{event.name} while OVER"):
        advance(Phase.OVER, event)


@pytest.mark.parametrize("phase", [Phase.FETCHING, Phase.WAITING, Phase.DELIVERING])
def test_only_a_computing_job_produces(phase: Phase) -> None:
    with pytest.raises(IllegalMoveError):
        advance(phase, Event.PRODUCED)


@pytest.mark.parametrize("phase", [Phase.FETCHING, Phase.PROCESSING, Phase.DELIVERING])
def test_only_a_whole_input_gets_a_slot(phase: Phase) -> None:
    with pytest.raises(IllegalMoveError):
        advance(phase, Event.SLOT_GRANTED)


@given(phase=st.sampled_from(Phase), event=st.sampled_from(Event))
def test_a_job_never_goes_back(phase: Phase, event: Event) -> None:
    try:
        after = advance(phase, event)
    except IllegalMoveError:
        return

    assert ORDER[after] > ORDER[phase]


def test_every_phase_has_a_stage_that_renewals_name() -> None:
    assert [STAGE_OF[phase] for phase in Phase] == [
        Stage.DOWNLOADING,
        Stage.QUEUED,
        Stage.PROCESSING,
        Stage.UPLOADING,
        Stage.UPLOADING,
    ]


def journal(**changes: Any) -> Journal:
    return replace(Journal(offer=offer_of()), **changes)


RESULT = Finished(manifest=(), summary={})


@pytest.mark.parametrize(
    ("left", "phase", "stage"),
    [
        (journal(), Phase.FETCHING, Stage.DOWNLOADING),
        (journal(is_input_whole=True), Phase.WAITING, Stage.QUEUED),
        (journal(is_input_whole=True, computations=2), Phase.WAITING, Stage.PROCESSING),
        (
            journal(is_input_whole=True, computations=1, finished=RESULT),
            Phase.DELIVERING,
            Stage.UPLOADING,
        ),
    ],
)
def test_after_a_restart_a_job_goes_on_where_its_journal_says(
    left: Journal, phase: Phase, stage: Stage
) -> None:
    assert (phase_at_start(left), left.stage) == (phase, stage)
