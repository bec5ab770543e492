"""Loads the text reader, where there is one."""

import os
from importlib.util import find_spec

from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.ocr.engine import Ocr

_NEEDED = {"rapidocr": "rapidocr", "onnxruntime": "onnxruntime", "cv2": "opencv-python"}
"""Packages by module: rapidocr itself insists neither on an engine nor on this OpenCV."""


def ocr_is_possible() -> bool:
    """Imports nothing."""
    return not _missing()


def load_ocr(settings: PipelineSettings) -> Ocr:
    """Takes a second, and memory until it is let go. Raises `EngineUnavailableError`."""
    missing = _missing()
    if missing:
        raise EngineUnavailableError(
            f"text in pictures cannot be read on this machine: run `pip install {missing}`."
        )
    # Set, not read: without it ONNX Runtime, once imported, reports to its makers.
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # noqa: TID251
    from agent.pipelines.ocr.rapid import load

    return load(settings)


def _missing() -> str:
    return " ".join(package for module, package in _NEEDED.items() if find_spec(module) is None)
