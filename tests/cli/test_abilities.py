import pytest

from agent.cli import abilities
from agent.cli.abilities import ability_checks, box_check
from agent.cli.check import State
from agent.config import Settings
from agent.pipelines.box.confinement import Walls


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A box with no extras, on a kernel without Landlock."""
    monkeypatch.setattr(abilities, "state", lambda: Walls(seccomp=True))
    monkeypatch.setattr(abilities, "diarization_is_possible", lambda _: False)
    monkeypatch.setattr(abilities, "topics_are_possible", lambda _: False)
    monkeypatch.setattr(abilities, "ocr_is_possible", lambda: False)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("sandbox", "state"), [("require", State.FAIL), ("auto", State.WARN), ("off", State.WARN)]
)
def test_missing_walls_are_told_as_gravely_as_the_owner_wants_them(
    sandbox: str, state: State
) -> None:
    check = box_check(Settings.model_validate({"sandbox": sandbox}))

    assert check.state is state
    assert check.advice


def test_whole_walls_are_fine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(abilities, "state", lambda: Walls(landlock=4, seccomp=True))

    check = box_check(Settings())

    assert (check.state, check.found) == (
        State.OK,
        "files are read behind Landlock (ABI 4) and seccomp",
    )


@pytest.mark.usefixtures("bare")
def test_what_results_will_lack_is_told_with_the_extra_that_brings_it() -> None:
    told = {check.name: check.found for check in ability_checks(Settings())}

    assert "morag-agent[diarize]" in told["speakers"]
    assert "morag-agent[topics]" in told["topics"]
    assert "morag-agent[images]" in told["ocr"]


@pytest.mark.usefixtures("bare")
def test_what_nobody_wants_is_not_missed() -> None:
    quiet = Settings(content_types=("text",), diarization=False)

    assert [check.name for check in ability_checks(quiet)] == ["box"]
