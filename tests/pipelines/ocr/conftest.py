"""One text reader for all of these tests: it takes a second to load."""

import pytest

from agent.model.work import PipelineSettings
from agent.pipelines.ocr.engine import Ocr
from agent.pipelines.ocr.loading import load_ocr


@pytest.fixture(scope="session")
def reader() -> Ocr:
    return load_ocr(PipelineSettings(threads=1))
