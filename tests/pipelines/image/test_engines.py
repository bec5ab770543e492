import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.image.engines.loading import load_captioner, load_embedder
from tests.pipelines.image.samples import photo, quarters
from tests.pipelines.image.tiny_models import WORDS, save_captioner, save_embedder

CPU = PipelineSettings(device="cpu", threads=1)


def product(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def test_the_packaged_model_knows_a_picture_again() -> None:
    embedder = load_embedder(CPU)

    original, smaller, other = (
        embedder.embedding(np.asarray(picture))
        for picture in (photo(1), photo(1).resize((160, 120)), quarters())
    )

    assert embedder.name == "efficientnet-lite0"
    assert len(original) == 1280
    assert math.isclose(product(original, original), 1, abs_tol=1e-3)
    assert product(original, smaller) > 0.9
    assert product(original, other) < product(original, smaller) - 0.1


def test_a_folder_with_another_embedder_is_used_instead(tmp_path: Path) -> None:
    folder = save_embedder(tmp_path / "clip")

    embedder = load_embedder(replace(CPU, embedding_model=str(folder)))
    vector = embedder.embedding(np.asarray(photo(1)))

    assert embedder.name == "clip"
    assert len(vector) == 8
    assert math.isclose(product(vector, vector), 1, abs_tol=1e-3)


def test_a_captioner_from_a_folder_says_a_sentence(tmp_path: Path) -> None:
    folder = save_captioner(tmp_path / "blip")

    captioner = load_captioner(replace(CPU, caption_model=str(folder)))
    said = captioner.caption(np.asarray(photo(1)))

    assert captioner.name == "blip"
    assert said
    assert set(said.split()) <= set(WORDS)


def test_without_a_model_the_setting_is_named() -> None:
    with pytest.raises(
        EngineUnavailableError, match="set `caption_model` to a folder with a model"
    ):
        load_captioner(PipelineSettings())


@pytest.mark.parametrize(
    ("load", "setting"),
    [(load_captioner, "caption_model"), (load_embedder, "embedding_model")],
)
def test_a_folder_without_a_model_is_named(
    load: Callable[[PipelineSettings], object], setting: str, tmp_path: Path
) -> None:
    settings = PipelineSettings(**{setting: str(tmp_path)})  # type: ignore[arg-type]

    with pytest.raises(
        EngineUnavailableError, match=f"`{setting}` names .* there is no config.json"
    ):
        load(settings)


def test_weights_that_could_run_code_are_not_loaded(tmp_path: Path) -> None:
    folder = save_embedder(tmp_path / "clip")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")

    with pytest.raises(OSError, match="safetensors"):
        load_embedder(replace(CPU, embedding_model=str(folder)))


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    needed = {"no_such_torch": "torch", "numpy": "numpy"}
    monkeypatch.setattr("agent.pipelines.image.engines.loading._PACKAGED", needed)

    with pytest.raises(EngineUnavailableError, match="run `pip install torch`"):
        load_embedder(PipelineSettings())
