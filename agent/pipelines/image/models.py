"""Keeps the models of the image pipeline: each is loaded when it is first needed."""

from collections.abc import Callable
from dataclasses import dataclass, field

from agent.model.work import PipelineSettings
from agent.pipelines.image.engines.engine import Captioner, Embedder
from agent.pipelines.image.engines.loading import load_captioner, load_embedder
from agent.pipelines.models.leaving import leave_gpu, return_to_gpu
from agent.pipelines.ocr.engine import Ocr
from agent.pipelines.ocr.loading import load_ocr


@dataclass(kw_only=True)
class Models:
    """The functions load; tests put others in their place."""

    settings: PipelineSettings
    ocr_loader: Callable[[PipelineSettings], Ocr] = load_ocr
    captioner_loader: Callable[[PipelineSettings], Captioner] = load_captioner
    embedder_loader: Callable[[PipelineSettings], Embedder] = load_embedder
    _ocr: Ocr | None = field(default=None, init=False)
    _captioner: Captioner | None = field(default=None, init=False)
    _embedder: Embedder | None = field(default=None, init=False)

    def ocr(self) -> Ocr:
        self._ocr = self._ocr or self.ocr_loader(self.settings)
        return self._ocr

    def captioner(self) -> Captioner:
        self._captioner = self._captioner or self.captioner_loader(self.settings)
        return self._captioner

    def embedder(self) -> Embedder:
        self._embedder = self._embedder or self.embedder_loader(self.settings)
        return self._embedder

    @property
    def held(self) -> tuple[str, ...]:
        loaded = (self._ocr, self._captioner, self._embedder)
        return tuple(model.name for model in loaded if model is not None)

    def leave_gpu(self) -> bool:
        return leave_gpu([self._ocr, self._captioner, self._embedder])

    def return_to_gpu(self) -> None:
        return_to_gpu([self._ocr, self._captioner, self._embedder])

    def unload(self) -> None:
        self._ocr = self._captioner = self._embedder = None
