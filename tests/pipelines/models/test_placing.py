"""Which copy goes where: found ones by their size on disk, missing ones by the catalogue's."""

from pathlib import Path

import pytest

from agent.model.work import PipelineSettings
from agent.pipelines.errors import GpuUnavailableError
from agent.pipelines.models import choice
from agent.pipelines.models.choice import EngineName
from agent.pipelines.models.memory import faster_whisper_need, openai_whisper_need
from agent.pipelines.models.placing import Place, foresee, weights_size
from agent.pipelines.models.search import Form, Model, models_named
from tests.pipelines.models.fake_hub import FakeHub

GPU = Place(EngineName.FASTER_WHISPER, "cuda", ("float16", "int8_float16"), faster_whisper_need)
CPU = Place(EngineName.FASTER_WHISPER, "cpu", ("int8", "float32"), faster_whisper_need)
SIZES = {"large-v3-turbo": 1_617_884_929, "small": 483_546_902, "tiny": 75_538_270}


@pytest.fixture
def models(tmp_path: Path) -> str:
    """Models of the real sizes, which take no room: the files are holes."""
    for name, size in SIZES.items():
        folder = tmp_path / "models" / name
        folder.mkdir(parents=True)
        for file in ("config.json", "tokenizer.json"):
            (folder / file).touch()
        with (folder / "model.bin").open("wb") as weights:
            weights.truncate(size)
    return str(tmp_path / "models")


def quiet(_said: str) -> None:
    pass


@pytest.mark.parametrize(
    ("limit", "name", "compute_type", "windows"),
    [
        (12.0, "large-v3-turbo", "float16", 24),
        (4.0, "large-v3-turbo", "float16", 4),
        (2.5, "large-v3-turbo", "int8_float16", 2),
        (2.0, "small", "float16", 1),
        (1.6, "base", "int8_float16", 1),
    ],
)
def test_on_a_gpu_the_best_that_fits_is_taken(
    models: str, limit: float, name: str, compute_type: str, windows: int
) -> None:
    placed = GPU.find(PipelineSettings(models_folder=models, gpu_memory_limit_gb=limit), quiet)

    assert (placed.model.name, placed.compute_type) == (name, compute_type)
    assert placed.windows_at_once == windows


def test_the_processor_takes_one_window_at_a_time_and_knows_no_limit(models: str) -> None:
    limited = PipelineSettings(models_folder=models, gpu_memory_limit_gb=0.1)

    placed = CPU.find(limited, quiet)

    assert (placed.model.name, placed.compute_type) == ("small", "int8")
    assert placed.windows_at_once == 1


def test_a_model_that_a_gpu_hardly_notices_takes_one_window_at_a_time(models: str) -> None:
    settings = PipelineSettings(model="tiny", models_folder=models)

    assert GPU.find(settings, quiet).windows_at_once == 1


def test_the_owner_may_name_how_many_windows_go_at_once(models: str) -> None:
    settings = PipelineSettings(models_folder=models, gpu_memory_limit_gb=4.0, batch_size=7)

    assert GPU.find(settings, quiet).windows_at_once == 7


def test_a_named_model_that_does_not_fit_is_not_replaced(models: str) -> None:
    settings = PipelineSettings(
        model="large-v3-turbo", models_folder=models, gpu_memory_limit_gb=2.0
    )

    with pytest.raises(GpuUnavailableError, match=r"large-v3-turbo needs 2\.3 GB"):
        GPU.find(settings, quiet)


@pytest.mark.parametrize(
    ("limit", "device", "name"),
    [(12.0, "cuda", "large-v3-turbo"), (2.0, "cuda", "small"), (0.5, "cpu", "small")],
)
def test_what_a_job_would_use_is_foreseen_without_loading_it(
    models: str, limit: float, device: str, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "_DRIVER_FILES", (models,))  # as if a driver were here

    report = foresee(PipelineSettings(models_folder=models, gpu_memory_limit_gb=limit))

    assert report.model is not None
    assert (report.device, report.model.name) == (device, name)


def test_a_gpu_that_is_too_small_for_what_the_owner_names_is_told(models: str) -> None:
    report = foresee(PipelineSettings(models_folder=models, device="cuda", gpu_memory_limit_gb=0.5))

    assert not report.is_usable
    assert "GB of GPU memory" in report.advice


def test_the_other_engine_needs_more_for_the_same_model(models: str) -> None:
    place = Place(EngineName.OPENAI_WHISPER, "cuda", ("float16",), openai_whisper_need)

    placed = place.find(PipelineSettings(models_folder=models, gpu_memory_limit_gb=4.0), quiet)

    assert placed.model.name == "small"


def test_a_missing_model_is_fetched_for_the_job_and_said_so_by_the_percent(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    said: list[str] = []
    settings = PipelineSettings(
        model="small.en", models_folder=str(tmp_path / "mine"), allow_download=True
    )

    placed = CPU.find(settings, said.append)

    assert placed.model == Model("small.en", tmp_path / "mine" / "small.en", Form.CTRANSLATE2)
    assert len(said) == len(set(said))
    assert said[-1] == "downloading small.en, 100 %"


def test_what_is_too_large_for_the_gpu_is_not_even_fetched(
    hub: FakeHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", hub.url)
    settings = PipelineSettings(
        model="medium.en",
        models_folder=str(tmp_path / "mine"),
        allow_download=True,
        gpu_memory_limit_gb=2.0,
    )

    with pytest.raises(GpuUnavailableError, match=r"medium\.en needs 2\.3 GB"):
        GPU.find(settings, quiet)

    assert hub.requests == []


def test_the_parts_of_two_packages_count_together() -> None:
    (model,) = models_named("base", None)

    assert weights_size(model) == 145_217_532


def test_a_checkpoint_is_as_large_as_its_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.pt"
    path.write_bytes(b"12345")

    assert weights_size(Model("mine", path, Form.CHECKPOINT)) == 5
