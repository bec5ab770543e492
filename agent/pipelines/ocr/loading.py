"""Chooses the engine of recognition."""

from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.ocr.engine import Ocr


def ocr_is_possible() -> bool:
    return False


def load_ocr(_settings: PipelineSettings) -> Ocr:
    raise EngineUnavailableError("no engine of recognition is installed.")
