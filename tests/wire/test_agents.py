import pytest
from pydantic import ValidationError

from agent.model.lease import Directive
from agent.wire.agents import Hello, Poll, PollAnswer, Welcome

SMALLEST_HELLO = '{"boot_id": "b", "capability": "gpu", "content_types": ["audio"], "slots": 1}'
OFFER = (
    '{"offer": {"job_id": "j", "lease_id": "l", "attempt": 1, "content_type": "audio",'
    ' "input": {"url": "/in"}, "artifacts": {"url": "/out"}}}'
)


def test_hello_needs_only_four_fields() -> None:
    hello = Hello.model_validate_json(SMALLEST_HELLO)

    assert (hello.boot_seq, hello.queues, hello.resuming) == (None, (), ())


@pytest.mark.parametrize("field", ["boot_id", "capability", "content_types", "slots"])
def test_hello_is_nothing_without_a_required_field(field: str) -> None:
    with pytest.raises(ValidationError, match=field):
        Hello.model_validate_json(SMALLEST_HELLO.replace(f'"{field}"', '"other"'))


def test_unknown_fields_are_ignored() -> None:
    welcome = Welcome.model_validate_json('{"poll_wait_s": 20, "from_the_future": [1]}')

    assert welcome.poll_wait_s == 20


def test_times_that_a_welcome_leaves_out_are_those_of_the_protocol() -> None:
    welcome = Welcome.model_validate_json("{}")

    assert (welcome.poll_wait_s, welcome.renew_every_s, welcome.lease_ttl_s) == (25, 30, 90)


@pytest.mark.parametrize("wait", ["50.1", "-1", "1e999", "NaN"])
def test_no_poll_waits_longer_than_fifty_seconds(wait: str) -> None:
    with pytest.raises(ValidationError, match="wait_s"):
        Poll.model_validate_json(f'{{"boot_id": "b", "request_id": "r", "wait_s": {wait}}}')


def test_a_poll_may_wait_fifty_seconds() -> None:
    assert Poll(boot_id="b", request_id="r", wait_s=50.0).wait_s == 50.0


def test_an_answer_without_an_offer_says_go_on() -> None:
    answer = PollAnswer.model_validate_json('{"offer": null}')

    assert (answer.offer, answer.directive, answer.skipped) == (None, Directive.CONTINUE, {})


def test_times_that_an_offer_leaves_out_are_those_of_the_protocol() -> None:
    offer = PollAnswer.model_validate_json(OFFER).offer

    assert offer is not None
    assert (offer.offer_ttl_s, offer.lease_ttl_s, offer.artifacts.transport) == (15, 90, "tus")


def test_attempts_are_counted_from_one() -> None:
    with pytest.raises(ValidationError, match="attempt"):
        PollAnswer.model_validate_json(OFFER.replace('"attempt": 1', '"attempt": 0'))


def test_a_body_cannot_be_changed() -> None:
    welcome = Welcome()

    with pytest.raises(ValidationError, match="frozen"):
        welcome.poll_wait_s = 1.0  # type: ignore[misc]
