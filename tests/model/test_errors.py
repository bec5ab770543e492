import re

from agent.model import errors
from agent.model.failures import FailureCode
from agent.model.ids import Seconds
from agent.model.lease import LostReason

DRAWN = re.compile(r"^([│ ├└─]*)(\w+Error)\b", re.MULTILINE)


def drawn_tree() -> dict[str, str]:
    """Child -> parent, as the module's docstring draws it."""
    parents: dict[str, str] = {}
    path: list[str] = []
    for branch, name in DRAWN.findall(errors.__doc__ or ""):
        path = [*path[: len(branch) // 4], name]
        if len(path) > 1:
            parents[name] = path[-2]
    return parents


def real_tree() -> dict[str, str]:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    ours = [kind for kind in kinds if issubclass(kind, errors.AgentError)]
    below = [kind for kind in ours if kind is not errors.AgentError]
    return {kind.__name__: kind.__mro__[1].__name__ for kind in below}


def test_the_drawing_is_the_tree() -> None:
    assert drawn_tree() == real_tree()


def test_an_unavailable_server_may_say_when_to_come_back() -> None:
    error = errors.ServerUnavailableError("busy", retry_after=Seconds(5.0), answered=True)

    assert (str(error), error.retry_after, error.answered) == ("busy", 5.0, True)


def test_a_silent_server_has_not_answered() -> None:
    assert not errors.ServerUnavailableError("silent").answered


def test_a_lost_lease_says_why() -> None:
    assert str(errors.LeaseLostError(LostReason.SUPERSEDED)) == "the lease is lost: superseded"


def test_refused_artifacts_are_named() -> None:
    error = errors.ArtifactsRefusedError(("a.md", "b.md"))

    assert str(error) == "the server lacks a.md, b.md"


def test_refused_artifacts_without_names_still_make_a_sentence() -> None:
    assert str(errors.ArtifactsRefusedError(())) == "the server lacks some artifacts"


def test_a_failed_job_has_a_code_and_a_sentence() -> None:
    error = errors.JobFailedError(FailureCode.TIMEOUT, "not done within 60 s", "stack")

    assert (error.code, str(error), error.detail) == (
        FailureCode.TIMEOUT,
        "not done within 60 s",
        "stack",
    )
