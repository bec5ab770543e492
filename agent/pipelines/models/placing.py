"""Finds the speech model for an engine and device: the best one here that fits; or fetches it."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from agent.model.ids import Bytes
from agent.model.work import PipelineSettings
from agent.pipelines.errors import GpuUnavailableError
from agent.pipelines.models.catalogue import WEIGHTS, weights_of
from agent.pipelines.models.choice import (
    EngineName,
    ModelReport,
    describe_models,
    find_models,
    names_to_download,
)
from agent.pipelines.models.fetching import Step, fetch_for_job
from agent.pipelines.models.files import part_files
from agent.pipelines.models.memory import (
    Candidate,
    Need,
    faster_whisper_need,
    openai_whisper_need,
    plan,
    room_for,
    windows_at_once,
)
from agent.pipelines.models.search import Form, Model


@dataclass(frozen=True, slots=True)
class Placed:
    model: Model
    compute_type: str
    windows_at_once: int


SMALL = Bytes(100 * 10**6)
"""Weights as they are kept. With so few of them a GPU waits for the processor: measured on tiny.en,
windows that were decoded together took longer, and cost words."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model is to go."""

    engine: EngineName
    device: str
    types: tuple[str, ...]
    """That engine and device compute with, best first."""
    need: Need

    def find(self, settings: PipelineSettings, tell: Callable[[str], None]) -> Placed:
        """Raises `EngineUnavailableError`, or `OSError` where a download has no room."""
        # CUDA reads this variable; what it leaves visible is what is to be measured.
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")  # noqa: TID251
        room = room_for(settings, visible) if self.device == "cuda" else None
        found = find_models(settings, self.engine, self.device)
        if found:
            models = [Candidate(model.name, weights_size(model)) for model in found]
            chosen = plan(models, self.types, room, self.need)
            model = found[models.index(chosen.candidate)]
        else:
            names = names_to_download(settings, self.device)
            remote = [Candidate(name, weights_of(name) or Bytes(0)) for name in names]
            chosen = plan(remote, self.types, room, self.need)
            model = _fetched(chosen.candidate.name, settings, tell)
        windows = self._windows(settings, room, chosen.candidate.weights, chosen.compute_type)
        return Placed(model, chosen.compute_type, windows)

    def _windows(
        self, settings: PipelineSettings, room: Bytes | None, weights: Bytes, compute_type: str
    ) -> int:
        if settings.batch_size is not None:
            return settings.batch_size
        if self.device != "cuda" or weights <= SMALL:
            return 1
        return windows_at_once(room, weights, compute_type)


def foresee(settings: PipelineSettings) -> ModelReport:
    """What a job that comes now would use, the GPU's free memory considered; loads nothing."""
    report = describe_models(settings)
    if report.device != "cuda" or report.engine is None or report.model is None:
        return report
    try:
        placed = _FORESEEN[report.engine].find(settings, lambda _said: None)
    except GpuUnavailableError as error:
        if settings.device == "auto":
            return describe_models(replace(settings, device="cpu"))
        return replace(report, model=None, advice=str(error))
    return replace(report, model=placed.model)


_FORESEEN: Mapping[EngineName, Place] = {
    EngineName.FASTER_WHISPER: Place(
        EngineName.FASTER_WHISPER, "cuda", ("float16", "int8_float16"), faster_whisper_need
    ),
    EngineName.OPENAI_WHISPER: Place(
        EngineName.OPENAI_WHISPER, "cuda", ("float16",), openai_whisper_need
    ),
}
"""As on any GPU of the last years; older ones compute in other types."""


def weights_size(model: Model) -> Bytes:
    return Bytes(sum(path.stat().st_size for path in _weights(model)))


def _weights(model: Model) -> list[Path]:
    match model.form:
        case Form.CTRANSLATE2:
            return [model.path / WEIGHTS]
        case Form.PARTS:
            return part_files()
        case Form.CHECKPOINT:
            return [model.path]


def _fetched(name: str, settings: PipelineSettings, tell: Callable[[str], None]) -> Model:
    said = ""

    def on_step(step: Step) -> None:
        nonlocal said
        if said != (said := str(step)):
            tell(said)

    path: Path = fetch_for_job(name, settings, on_step)
    return Model(name, path, Form.CTRANSLATE2)
