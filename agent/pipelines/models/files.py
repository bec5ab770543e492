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
    folders = [user_cache()]
    if settings.models_folder:
        folders.insert(0, Path(settings.models_folder).expanduser())
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


def ct2_folder(model: Model, settings: PipelineSettings) -> Path:
    """`model` as a folder that CTranslate2 loads."""
    if model.form is not Form.PARTS:
        return model.path
    folder = cache_folder(settings) / f"{model.name}-joined"
    folder.mkdir(exist_ok=True)
    for file in ("config.json", "tokenizer.json", "vocabulary.txt"):
        _copy([model.path / file], folder / file)
    parts = [_part(number) for number in (1, 2)]
    _copy(parts, folder / "model.bin")
    return folder


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
