import pytest

from agent.model.ids import Seconds
from agent.model.lease import Directive, LeaseState, LostReason, Renewal, Stage


def test_the_words_of_a_lease_are_those_of_the_wire() -> None:
    words = {
        kind.__name__: [word.value for word in kind] for kind in (Stage, Directive, LeaseState)
    }

    assert words == {
        "Stage": ["downloading", "queued", "processing", "uploading"],
        "Directive": ["continue", "pause", "drain", "stop"],
        "LeaseState": ["ok", "cancel", "cancel_now"],
    }


def test_the_reasons_of_a_loss_are_those_of_the_wire_and_unknown() -> None:
    assert {reason.value for reason in LostReason} == {
        "expired",
        "superseded",
        "cancelled",
        "completed",
        "unknown",
    }


def test_an_answer_cannot_be_changed() -> None:
    renewal = Renewal(LeaseState.OK, Seconds(90.0), Seconds(30.0), Directive.CONTINUE)

    with pytest.raises(AttributeError):
        renewal.ttl = Seconds(900.0)  # type: ignore[misc]
