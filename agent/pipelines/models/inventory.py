"""What of the catalogue is on this box: where, how large, and whether its bytes are right."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from agent.model.ids import Bytes
from agent.pipelines.models.catalogue import WEIGHTS, Entry, Purpose
from agent.pipelines.models.digests import (
    Algorithm,
    Expected,
    expected_in,
    expected_in_package,
    flaw,
)
from agent.pipelines.models.files import joined_folder
from agent.pipelines.models.packages import shipped_paths
from agent.pipelines.models.search import Form, Model, models_named


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy of a model."""

    entry: Entry
    path: Path
    size: Bytes
    is_package: bool = False


class State(StrEnum):
    WHOLE = "ok"
    UNKNOWN = "unknown"
    """Nobody wrote down what its bytes should be."""
    DAMAGED = "DAMAGED"


@dataclass(frozen=True, slots=True)
class Verdict:
    copy: Copy
    state: State
    flaws: tuple[str, ...] = ()


def copies(entry: Entry, models_folder: str | None) -> Iterator[Copy]:
    """Every copy of one model, the one that is used first."""
    if entry.purpose is not Purpose.SPEECH:
        yield from _shipped(entry)
        return
    for model in models_named(entry.name, models_folder):
        yield _copy(entry, model)
        if model.form is Form.PARTS and (joined := joined_folder(entry.name, models_folder)):
            yield Copy(entry, joined, size_of(joined))


def verified(copy: Copy) -> Verdict:
    """Reads every byte of it."""
    expected = tuple(_expected(copy))
    if not expected:
        return Verdict(copy, State.UNKNOWN)
    flaws = tuple(wrong for one in expected if (wrong := flaw(one)) is not None)
    return Verdict(copy, State.DAMAGED if flaws else State.WHOLE, flaws)


def size_of(path: Path) -> Bytes:
    """Of a file, or of all files below a folder; links count as what they lead to."""
    if path.is_file():
        return Bytes(path.stat().st_size)
    return Bytes(sum(file.stat().st_size for file in path.rglob("*") if file.is_file()))


def _copy(entry: Entry, model: Model) -> Copy:
    shipped = next(_shipped(entry), None)
    if shipped is not None and (model.form is Form.PARTS or model.path == shipped.path):
        return shipped
    return Copy(entry, model.path, size_of(model.path))


def _shipped(entry: Entry) -> Iterator[Copy]:
    """At most one: all of its packages together."""
    found = [shipped_paths(one.distribution, one.pattern) for one in entry.packages]
    if found and all(found):
        size = sum(path.stat().st_size for paths in found for path in paths)
        first = found[0]
        where = first[0] if len(first) == 1 else _common(first)
        yield Copy(entry, where, Bytes(size), is_package=True)


def _common(paths: tuple[Path, ...]) -> Path:
    return min((path.parent for path in paths), key=lambda folder: len(folder.parts))


def _expected(copy: Copy) -> Iterator[Expected]:
    if copy.is_package:
        for one in copy.entry.packages:
            yield from expected_in_package(one.distribution, one.pattern)
        return
    written = expected_in(copy.path)
    yield from written
    if not written and (known := _known_weights(copy)):
        yield known


def _known_weights(copy: Copy) -> Expected | None:
    """The catalogue's digest is of the hub's form; a folder of another size is another form."""
    hub, weights = copy.entry.hub, copy.path / WEIGHTS
    if hub is None or hub.weights is None or not weights.is_file():
        return None
    is_same_form = abs(weights.stat().st_size - copy.entry.size) < copy.entry.size // 10
    return Expected(weights, Algorithm.SHA256, hub.weights) if is_same_form else None
