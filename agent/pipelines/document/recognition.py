"""Makes the recognition of letters read whole pages: paragraphs out of raw pixels."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from agent.model.work import PipelineSettings
from agent.pipelines.document.scans import Recognise
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.models.leaving import leave_gpu, return_to_gpu

if TYPE_CHECKING:
    from agent.pipelines.ocr.engine import Ocr


def load_recognition(settings: PipelineSettings) -> Recognise:
    """Raises `EngineUnavailableError` where this box cannot."""
    from agent.pipelines.ocr.loading import load_ocr, ocr_is_possible

    if not ocr_is_possible():
        raise EngineUnavailableError(
            "this box cannot recognise letters in pictures; `pip install 'morag-agent[images]'`."
        )
    return _Recognition(load_ocr(settings))


class _Recognition:
    def __init__(self, ocr: "Ocr") -> None:
        self._ocr = ocr

    def __call__(self, raw: bytes, width: int, height: int) -> Sequence[str]:
        import numpy as np

        from agent.pipelines.ocr.layout import as_paragraphs

        pixels = np.frombuffer(raw, np.uint8).reshape(height, width, 3)
        return as_paragraphs(self._ocr.lines(pixels))

    def leave_gpu(self) -> bool:
        return leave_gpu([self._ocr])

    def return_to_gpu(self) -> None:
        return_to_gpu([self._ocr])
