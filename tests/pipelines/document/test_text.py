from pathlib import Path

import pytest

from agent.model.work import PipelineSettings, Progress
from agent.pipelines.document import text
from agent.pipelines.errors import OptionsInvalidError, TooLargeError
from agent.pipelines.registry import run_task
from tests.pipelines.conftest import MakeTask

SETTINGS = PipelineSettings()


def test_a_text_becomes_a_document_and_clean_text(
    tmp_path: Path, make_task: MakeTask, progress: list[Progress]
) -> None:
    source = tmp_path / "input"
    source.write_bytes("Grüße\r\nan alle\r\n".encode("cp1252"))
    task = make_task("text", source, "note.txt", language="de")

    produced = run_task(task, SETTINGS, progress.append)

    output = Path(task.output)
    assert produced.artifacts == (("document.md", "text/markdown"), ("text.txt", "text/plain"))
    assert (output / "text.txt").read_text("utf-8") == "Grüße\nan alle\n"
    document = (output / "document.md").read_text("utf-8")
    assert document.startswith("# Document: note.txt\n\n## Document Information\n\n- **")
    assert "- **Language**: de\n" in document
    assert document.endswith("\n## Content\n\nGrüße\nan alle\n")
    assert produced.summary["words"] == 3
    assert produced.summary["lines"] == 2
    assert produced.summary["characters"] == 14
    assert produced.summary["language"] == "de"


@pytest.mark.parametrize(
    ("filename", "first_line"),
    [("a.md", "## Part"), ("a.MARKDOWN", "## Part"), ("a.txt", "# Part")],
)
def test_headings_go_deeper_in_markdown_only(
    tmp_path: Path, make_task: MakeTask, filename: str, first_line: str
) -> None:
    source = tmp_path / "input"
    source.write_text("# Part\n")
    task = make_task("text", source, filename)

    run_task(task, SETTINGS, lambda _: None)

    body = (Path(task.output) / "document.md").read_text().partition("## Content\n\n")[2]
    assert body == f"{first_line}\n"


def test_a_text_over_the_limit_is_refused(
    tmp_path: Path, make_task: MakeTask, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text, "MAX_SIZE", 1024**2)
    source = tmp_path / "input"
    source.write_bytes(b"x" * (1024**2 + 1))

    with pytest.raises(TooLargeError, match="limit of 1 MiB"):
        run_task(make_task("text", source), SETTINGS, lambda _: None)


def test_an_unknown_option_is_named_beside_the_known_ones(
    tmp_path: Path, make_task: MakeTask
) -> None:
    source = tmp_path / "input"
    source.write_text("x")

    with pytest.raises(OptionsInvalidError, match=r"unknown option 'lang'; known are language\."):
        run_task(make_task("text", source, lang="de"), SETTINGS, lambda _: None)
