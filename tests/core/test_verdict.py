import pytest

from agent.core.verdict import Drop, Fail, Release, StopAgent, Verdict, verdict
from agent.model import errors
from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.lease import LostReason


def tree(root: type[errors.AgentError]) -> set[type[errors.AgentError]]:
    """`root` and everything below it in the vocabulary."""
    below = (tree(kind) for kind in root.__subclasses__() if kind.__module__ == errors.__name__)
    return {root}.union(*below)


def example(kind: type[errors.AgentError]) -> errors.AgentError:
    special: dict[type[errors.AgentError], errors.AgentError] = {
        errors.NewerBootError: errors.NewerBootError("newer", boot_seq=2),
        errors.LeaseLostError: errors.LeaseLostError(LostReason.SUPERSEDED),
        errors.ArtifactsRefusedError: errors.ArtifactsRefusedError(("a.md",)),
        errors.JobFailedError: errors.JobFailedError(FailureCode.TIMEOUT, "late"),
    }
    return special.get(kind) or kind("broken")


ALL = sorted(tree(errors.AgentError), key=lambda kind: kind.__name__)


def test_the_tree_of_errors_is_found_by_walking_it() -> None:
    assert {errors.DiskFullError, errors.TooLargeError, errors.JobReturnedError} <= set(ALL)


@pytest.mark.parametrize("kind", ALL)
def test_every_error_of_the_tree_has_a_verdict(kind: type[errors.AgentError]) -> None:
    assert isinstance(verdict(example(kind)), Verdict)


def test_an_error_outside_the_tree_is_a_bug() -> None:
    stranger = type("StrangeError", (errors.AgentError,), {"__module__": __name__})

    with pytest.raises(KeyError):
        verdict(stranger("strange"))


def test_a_failed_job_keeps_its_code_its_message_and_its_detail() -> None:
    error = errors.JobFailedError(FailureCode.MEDIA_UNREADABLE, "no stream in it", "trace")

    assert verdict(error) == Fail(FailureCode.MEDIA_UNREADABLE, "no stream in it", "trace")


def test_a_returned_job_keeps_its_reason_and_its_pause() -> None:
    error = errors.JobReturnedError("quiet hours", retry_after=Seconds(600.0))

    assert verdict(error) == Release("quiet hours", Seconds(600.0))


def test_a_lost_lease_is_dropped_with_its_reason() -> None:
    assert verdict(errors.LeaseLostError(LostReason.EXPIRED)) == Drop(LostReason.EXPIRED)


def test_a_newer_boot_stops_the_agent() -> None:
    assert verdict(errors.NewerBootError("newer", boot_seq=3)) == StopAgent("newer")


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (errors.InputUnavailableError, FailureCode.INPUT_UNAVAILABLE),
        (errors.InputCorruptError, FailureCode.INPUT_CORRUPT),
        (errors.RequestRefusedError, FailureCode.INTERNAL),
        (errors.TooLargeError, FailureCode.INTERNAL),
    ],
)
def test_what_is_the_jobs_fault_fails_it(kind: type[errors.AgentError], code: FailureCode) -> None:
    assert verdict(kind("broken")) == Fail(code, "broken")


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        (errors.ServerUnavailableError, "unavailable: broken"),
        (errors.CredentialsRefusedError, "credentials: broken"),
        (errors.UnknownAgentError, "unknown agent: broken"),
    ],
)
def test_what_is_not_the_jobs_fault_is_released_not_failed(
    kind: type[errors.AgentError], reason: str
) -> None:
    assert verdict(kind("broken")) == Release(reason)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [(errors.DiskFullError, "disk_full: broken"), (errors.SpoolError, "spool: broken")],
)
def test_what_the_next_job_would_meet_too_is_called_the_boxs_fault(
    kind: type[errors.AgentError], reason: str
) -> None:
    assert verdict(kind("broken")) == Release(reason, is_box_fault=True)
