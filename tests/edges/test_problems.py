import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from agent.edges.problems import error_of
from agent.model.errors import (
    ArtifactsRefusedError,
    CredentialsRefusedError,
    LeaseLostError,
    NewerBootError,
    OffsetMismatchError,
    RequestRefusedError,
    ServerError,
    ServerUnavailableError,
    TooLargeError,
    UnknownAgentError,
    UploadGoneError,
)
from agent.model.lease import LostReason
from agent.wire.problems import STATUS, ProblemCode
from tests.edges.server import problem_body

MEANINGS: dict[str, type[ServerError]] = {
    "bad_request": RequestRefusedError,
    "unauthorized": CredentialsRefusedError,
    "forbidden": CredentialsRefusedError,
    "unknown_agent": UnknownAgentError,
    "unknown_job": RequestRefusedError,
    "unknown_lease": LeaseLostError,
    "unknown_upload": UploadGoneError,
    "unknown_artifact": RequestRefusedError,
    "lease_lost": LeaseLostError,
    "newer_boot": NewerBootError,
    "artifact_missing": ArtifactsRefusedError,
    "artifact_mismatch": ArtifactsRefusedError,
    "offset_mismatch": OffsetMismatchError,
    "key_reused": RequestRefusedError,
    "job_active": RequestRefusedError,
    "too_large": TooLargeError,
    "unsupported_type": RequestRefusedError,
    "invalid": RequestRefusedError,
    "slow_down": ServerUnavailableError,
    "checksum_mismatch": OffsetMismatchError,
    "internal": ServerUnavailableError,
    "unavailable": ServerUnavailableError,
    "disk_full": ServerUnavailableError,
}


def meant_by(code: str, **members: object) -> ServerError:
    return error_of(STATUS[ProblemCode(code)], {}, problem_body(code, **members))


def retry_after(value: str) -> float | None:
    error = error_of(503, {"retry-after": value}, b"")
    assert isinstance(error, ServerUnavailableError)
    return error.retry_after


def test_every_code_of_the_protocol_has_a_meaning() -> None:
    assert set(MEANINGS) == {code.value for code in ProblemCode}


@pytest.mark.parametrize(("code", "kind"), MEANINGS.items())
def test_each_code_is_one_error(code: str, kind: type[ServerError]) -> None:
    assert type(meant_by(code)) is kind


@pytest.mark.parametrize(
    "status", [400, 401, 403, 404, 408, 409, 410, 418, 422, 429, 460, 500, 502]
)
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"[]", b'{"error": "no"}', b'{"code": "strange"}']
)
def test_an_error_without_a_code_of_ours_is_transient(status: int, body: bytes) -> None:
    error = error_of(status, {}, body)

    assert type(error) is ServerUnavailableError
    assert error.answered


@pytest.mark.parametrize("body", [b"", b"<html>nginx</html>"])
def test_a_body_that_anybody_finds_too_large_is_too_large(body: bytes) -> None:
    assert type(error_of(413, {}, body)) is TooLargeError


def test_the_code_decides_not_the_status() -> None:
    error = error_of(500, {}, problem_body("lease_lost", reason="superseded"))

    assert type(error) is LeaseLostError


@pytest.mark.parametrize("reason", ["expired", "superseded", "cancelled", "completed"])
def test_a_lost_lease_tells_its_reason(reason: str) -> None:
    error = meant_by("lease_lost", reason=reason)

    assert isinstance(error, LeaseLostError)
    assert error.reason == reason


@pytest.mark.parametrize("members", [{}, {"reason": None}, {"reason": "a new one"}])
def test_a_loss_without_a_known_reason_is_still_a_loss(members: dict[str, object]) -> None:
    error = meant_by("lease_lost", **members)

    assert isinstance(error, LeaseLostError)
    assert error.reason is LostReason.UNKNOWN


def test_a_problem_need_not_repeat_its_status() -> None:
    error = error_of(409, {}, b'{"code": "lease_lost", "reason": "completed"}')

    assert isinstance(error, LeaseLostError)
    assert error.reason is LostReason.COMPLETED


@pytest.mark.parametrize("member", ["title", "detail", "type", "field", "artifacts", "boot_seq"])
def test_a_member_that_makes_no_sense_does_not_hide_the_code(member: str) -> None:
    assert type(meant_by("unauthorized", **{member: {"a": 1}})) is CredentialsRefusedError


@pytest.mark.parametrize("code", ["artifact_missing", "artifact_mismatch"])
def test_refused_artifacts_are_named(code: str) -> None:
    error = meant_by(code, artifacts=["a.md", "b.md"])

    assert isinstance(error, ArtifactsRefusedError)
    assert error.names == ("a.md", "b.md")


@pytest.mark.parametrize("boot_seq", [7, None])
def test_a_newer_boot_may_tell_its_number(boot_seq: int | None) -> None:
    error = meant_by("newer_boot", boot_seq=boot_seq)

    assert isinstance(error, NewerBootError)
    assert error.boot_seq == boot_seq


def test_a_later_start_is_explained_with_what_to_do() -> None:
    said = str(meant_by("newer_boot", boot_seq=9))

    assert "start number 9" in said
    assert "stop the other one" in said
    assert "--agent-id" in said


def test_a_refused_request_names_its_code_and_its_field() -> None:
    error = meant_by("invalid", detail="too small", field="slots")

    assert str(error) == "invalid: too small (slots)"


def test_a_transient_problem_says_what_the_server_said() -> None:
    assert str(meant_by("disk_full", detail="no space")) == "the server answered 507: no space"


def test_a_body_that_nests_too_deep_is_no_problem_document() -> None:
    assert type(error_of(500, {}, b"[" * 100_000)) is ServerUnavailableError


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504, 507])
def test_whoever_is_busy_may_say_for_how_long(status: int) -> None:
    error = error_of(status, {"retry-after": "7"}, b"")

    assert isinstance(error, ServerUnavailableError)
    assert error.retry_after == 7.0


def test_a_problem_of_ours_may_say_for_how_long_too() -> None:
    error = error_of(429, {"retry-after": "7"}, json.dumps({"code": "slow_down"}).encode())

    assert isinstance(error, ServerUnavailableError)
    assert error.retry_after == 7.0


@pytest.mark.parametrize(("value", "wait"), [("0", 0), (" 120 ", 120), ("900", 900), ("901", 900)])
def test_retry_after_is_heard_up_to_fifteen_minutes(value: str, wait: float) -> None:
    assert retry_after(value) == wait


@pytest.mark.parametrize("value", ["", "soon", "-5", "1.5", "²", "Fri, 99 Foo 2026 25:61:61 GMT"])
def test_a_retry_after_that_makes_no_sense_is_none(value: str) -> None:
    assert retry_after(value) is None


def test_retry_after_may_be_a_date() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)

    assert retry_after(date) == pytest.approx(100, abs=2)


def test_a_date_far_away_is_fifteen_minutes() -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(days=300), usegmt=True)

    assert retry_after(date) == 900


def test_a_date_that_has_passed_is_now() -> None:
    assert retry_after("Wed, 21 Oct 2015 07:28:00 GMT") == 0


def test_an_endless_number_is_fifteen_minutes() -> None:
    assert retry_after("9" * 400) == 900
