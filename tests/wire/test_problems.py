import pytest

from agent.model.lease import LostReason
from agent.wire.problems import STATUS, Problem, ProblemCode


def test_every_code_has_its_status() -> None:
    assert set(STATUS) == set(ProblemCode)


@pytest.mark.parametrize(
    ("status", "codes"),
    [
        (400, "bad_request"),
        (401, "unauthorized"),
        (403, "forbidden"),
        (404, "unknown_agent unknown_artifact unknown_job unknown_lease unknown_upload"),
        (
            409,
            (
                "artifact_mismatch artifact_missing job_active key_reused lease_lost newer_boot "
                "offset_mismatch"
            ),
        ),
        (413, "too_large"),
        (415, "unsupported_type"),
        (422, "invalid"),
        (429, "slow_down"),
        (460, "checksum_mismatch"),
        (500, "internal"),
        (503, "unavailable"),
        (507, "disk_full"),
    ],
)
def test_the_codes_and_statuses_are_those_of_the_protocol(status: int, codes: str) -> None:
    ours = sorted(code.value for code, number in STATUS.items() if number == status)

    assert ours == codes.split()


def test_members_that_other_codes_add_are_ignored() -> None:
    told = Problem.model_validate_json(
        '{"status": 409, "code": "lease_lost", "reason": "expired", "weather": "fine"}'
    )

    assert (told.code, told.reason) == (ProblemCode.LEASE_LOST, LostReason.EXPIRED)
