"""Makes the recognition of letters read whole pages: paragraphs out of raw pixels."""

from collections.abc import Sequence

from agent.model.work import PipelineSettings
from agent.pipelines.document.scans import Recognise
from agent.pipelines.errors import EngineUnavailableError


def load_recognition(settings: PipelineSettings) -> Recognise:
    """Raises `EngineUnavailableError` where this box cannot."""
    from agent.pipelines.ocr.loading import load_ocr, ocr_is_possible

    if not ocr_is_possible():
        raise EngineUnavailableError(
            "this box cannot recognise letters in pictures; `pip install 'morag-agent[images]'`."
        )
    ocr = load_ocr(settings)

    def recognise(raw: bytes, width: int, height: int) -> Sequence[str]:
        import numpy as np

        from agent.pipelines.ocr.layout import as_paragraphs

        pixels = np.frombuffer(raw, np.uint8).reshape(height, width, 3)
        return as_paragraphs(ocr.lines(pixels))

    return recognise
