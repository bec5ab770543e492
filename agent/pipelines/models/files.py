"""Makes the files an engine loads out of those that were found: joined, converted, cached."""

import hashlib
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from agent.model.ids import Digest
from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.models.search import BASE_PACKAGES, Form, Model, package_folder, user_cache


def cache_folder(settings: PipelineSettings) -> Path:
    """A folder of ours that can be written: beside the models, else in the user's cache."""
    folders = _places(settings.models_folder)
    for folder in folders:
        try:
            mine = folder / "morag-agent"
            mine.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(mine, os.W_OK):
            return mine
    places = " or ".join(map(str, folders))
    raise EngineUnavailableError(f"converted models cannot be stored: {places} must be writable.")


def _places(models_folder: str | None) -> list[Path]:
    return [*([Path(models_folder).expanduser()] if models_folder else []), user_cache()]


def ct2_folder(model: Model, settings: PipelineSettings) -> Path:
    """`model` as a folder that CTranslate2 loads."""
    if model.form is not Form.PARTS:
        return model.path
    folder = cache_folder(settings) / _joined(model.name)
    folder.mkdir(exist_ok=True)
    for file in ("config.json", "tokenizer.json", "vocabulary.txt"):
        _copy([model.path / file], folder / file)
    _copy(part_files(), folder / "model.bin")
    return folder


def joined_folder(name: str, models_folder: str | None) -> Path | None:
    """Where `ct2_folder` has joined that model's parts, if it has."""
    places = (folder / "morag-agent" / _joined(name) for folder in _places(models_folder))
    return next((place for place in places if place.is_dir()), None)


def _joined(name: str) -> str:
    return f"{name}-joined"


def part_files() -> list[Path]:
    """The halves of the weights that come in two packages."""
    return [_part(number) for number in (1, 2)]


def _part(number: int) -> Path:
    package = package_folder(BASE_PACKAGES[number - 1])
    assert package is not None  # noqa: S101 - the search found both
    return package / "data" / f"model.bin.part{number}"


def _copy(sources: list[Path], target: Path) -> None:
    """All of `sources`, one after the other, unless a target of that size is there already."""
    if target.is_file() and target.stat().st_size == sum(s.stat().st_size for s in sources):
        return
    with whole_file(target) as file:
        for source in sources:
            file.write(source.read_bytes())


def converted(model: Path, settings: PipelineSettings, convert: Callable[[BinaryIO], None]) -> Path:
    """The file that `convert` makes of `model`; made once for each content of it."""
    target = cache_folder(settings) / f"{_sha256(model)}.pt"
    if not target.is_file():
        with whole_file(target) as file:
            convert(file)
    return target


@contextmanager
def whole_file(target: Path) -> Iterator[BinaryIO]:
    """A file that appears under its name when it is complete, or not at all."""
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        partial.replace(target)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def _sha256(path: Path) -> Digest:
    with path.open("rb") as file:
        return Digest(hashlib.file_digest(file, "sha256").hexdigest())
