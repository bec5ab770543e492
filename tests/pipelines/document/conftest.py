"""Runs documents through the pipeline as a child does."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from agent.model.ids import JsonObject, JsonValue
from agent.model.work import PipelineSettings
from agent.pipelines.document.pipeline import DocumentPipeline
from tests.pipelines.conftest import MakeTask


@dataclass(frozen=True, slots=True)
class Read:
    summary: JsonObject
    output: Path

    @property
    def markdown(self) -> str:
        return (self.output / "document.md").read_text("utf-8")

    @property
    def body(self) -> str:
        """What comes below the facts and the heading that introduces it."""
        facts = self.markdown.partition("- **File Size**: ")[2]
        return facts.partition("\n\n")[2].removeprefix("## Content\n\n").rstrip("\n")


ReadDocument = Callable[..., Read]


@pytest.fixture
def read(make_task: MakeTask) -> ReadDocument:
    def run(source: Path, filename: str | None = None, **options: JsonValue) -> Read:
        task = make_task("document", source, filename, **options)
        produced = DocumentPipeline(PipelineSettings()).run(task, lambda _: None)
        return Read(produced.summary, Path(task.output))

    return run
