from errno import EDQUOT, EIO, ENOENT, ENOSPC
from pathlib import Path

import pytest

from agent.model.failures import FailureCode
from agent.model.work import Failed, PipelineSettings, Returned
from agent.pipelines.box.confinement import Walls
from agent.pipelines.errors import (
    GpuUnavailableError,
    OptionsInvalidError,
    UnsupportedMediaError,
    as_outcome,
)
from agent.pipelines.options import Options, parse_options
from agent.pipelines.registry import possible_content_types, run_task
from tests.pipelines.conftest import MakeTask


def test_an_unknown_content_type_is_named_beside_the_known_ones(
    tmp_path: Path, make_task: MakeTask
) -> None:
    task = make_task("hologram", tmp_path)

    with pytest.raises(UnsupportedMediaError, match=r"'hologram'; there are audio, .*text"):
        run_task(task, PipelineSettings(), lambda _: None)


def test_audio_is_offered_only_where_a_model_is(tmp_path: Path) -> None:
    assert "audio" in possible_content_types(PipelineSettings())

    without = possible_content_types(PipelineSettings(model=str(tmp_path / "none")))
    assert "audio" not in without
    assert "text" in without


class _Sizes(Options):
    width: int = 1
    name: str = ""


def test_a_wrong_value_is_named_with_what_would_be_right() -> None:
    with pytest.raises(OptionsInvalidError, match=r"option 'width' is '3': .*valid integer"):
        parse_options(_Sizes, {"width": "3"})


def test_all_complaints_are_made_at_once() -> None:
    with pytest.raises(OptionsInvalidError, match=r"'name' is 3: .*; unknown option 'depth'"):
        parse_options(_Sizes, {"name": 3, "depth": 1})


def test_a_long_value_is_shown_in_part() -> None:
    with pytest.raises(OptionsInvalidError) as caught:
        parse_options(_Sizes, {"width": "x" * 1000})

    assert len(str(caught.value)) < 200


class OutOfMemoryError(RuntimeError):
    """Named as torch's."""


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OutOfMemoryError("CUDA out of memory. Tried to allocate 2 GiB"),
        RuntimeError("CUDA failed with error out of memory"),
    ],
)
def test_every_way_to_run_out_of_memory_is_known(error: Exception) -> None:
    assert failed(error).code is FailureCode.OUT_OF_MEMORY


def failed(error: Exception) -> Failed:
    outcome = as_outcome(error)
    assert isinstance(outcome, Failed)
    return outcome


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(ENOSPC, "No space left on device"), "disk_full: No space left on device"),
        (OSError(EDQUOT, "Disk quota exceeded"), "disk_full: Disk quota exceeded"),
        (OSError(EIO, "Input/output error"), "disk: Input/output error"),
        (GpuUnavailableError("torch sees no GPU."), "gpu_unavailable: torch sees no GPU."),
    ],
)
def test_what_is_the_boxs_fault_hands_the_task_back(error: Exception, reason: str) -> None:
    assert as_outcome(error) == Returned(reason)


def test_a_file_that_is_missing_is_no_fault_of_the_disk() -> None:
    assert failed(FileNotFoundError(ENOENT, "No such file")).code is FailureCode.INTERNAL


class SpeechlessError(Exception):
    """Neither its text nor a pickle of it is to be had."""

    def __str__(self) -> str:
        raise RuntimeError("no words")

    def __reduce__(self) -> str:
        raise RuntimeError("no pickle")


def test_an_error_that_cannot_even_be_told_is_internal_too() -> None:
    told = failed(SpeechlessError())

    assert told.code is FailureCode.INTERNAL
    assert told.message.startswith("SpeechlessError: ")


def test_a_surprise_is_internal_with_its_class_and_a_bounded_traceback() -> None:
    told = failed(KeyError("x" * 100_000))

    assert told.code is FailureCode.INTERNAL
    assert told.message.startswith("KeyError: 'xxx")
    assert len(told.message) <= 300
    assert 1000 < len(told.detail) <= 8 * 1024


def test_where_walls_are_required_and_missing_only_text_is_offered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("agent.pipelines.box.confinement.state", lambda: Walls(seccomp=True))

    assert possible_content_types(PipelineSettings(sandbox="require")) == ("text",)
    assert "audio" in possible_content_types(PipelineSettings(sandbox="auto"))
