"""What holds for the results of every content type, on a small file of each."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from agent.model.artifact import ARTIFACT_NAME
from agent.model.ids import JobId, JsonValue
from agent.model.work import PipelineSettings, Produced, Task
from agent.pipelines.errors import OptionsInvalidError
from agent.pipelines.registry import run_task
from tests.pipelines.conftest import MakeTask
from tests.pipelines.document.offices import word_paragraph, word_table, write_docx
from tests.pipelines.video.films import film

SETTINGS = PipelineSettings(model="tiny.en", device="cpu", threads=1, diarization=False)
PAGE = (
    f"<html lang='en'><title>On Tea</title><h1>On Tea</h1><p>{'Tea is a drink. ' * 30}</p></html>"
)


def picture(path: Path) -> Path:
    image = Image.new("RGB", (320, 120), "white")
    ImageDraw.Draw(image).text((20, 40), "Harbour", fill="black", font_size=48)
    image.save(path)
    return path


def page(path: Path) -> Path:
    path.write_text(PAGE)
    return path


def report(path: Path) -> Path:
    heading = word_paragraph("Tea", "Heading1")
    return write_docx(path, heading + word_paragraph("A drink.") + word_table([["a", "b"]] * 2))


def note(path: Path) -> Path:
    path.write_text("Green tea is a drink.\n")
    return path


@pytest.fixture(scope="module")
def samples(fox: Path, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    folder = tmp_path_factory.mktemp("samples")
    return {
        "audio": fox,
        "video": film(folder / "talk.mp4", "-shortest", sound=fox),
        "image": picture(folder / "sign.png"),
        "document": report(folder / "report.docx"),
        "web": page(folder / "tea.html"),
        "text": note(folder / "note.txt"),
    }


@pytest.fixture(scope="module")
def results(
    samples: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[str, tuple[Produced, Path]]:
    return {
        content_type: produced(content_type, file, tmp_path_factory.mktemp("results"))
        for content_type, file in samples.items()
    }


def produced(content_type: str, file: Path, folder: Path) -> tuple[Produced, Path]:
    task = Task(
        job_id=JobId("job"),
        content_type=content_type,
        input=str(file),
        filename=f"the sender's {file.name}",
        media_type=None,
        output=str(folder),
        options={},
    )
    return run_task(task, SETTINGS, lambda _: None), folder


TYPES = ("audio", "video", "image", "document", "web", "text")


@pytest.mark.parametrize("content_type", TYPES)
def test_the_summary_is_flat_small_and_says_what_it_is_of(
    results: Mapping[str, tuple[Produced, Path]], content_type: str
) -> None:
    summary = results[content_type][0].summary

    assert summary["content_type"] == content_type
    assert len(json.dumps(summary)) < 4000
    assert not any(isinstance(value, dict) for value in summary.values())


@pytest.mark.parametrize("content_type", TYPES)
def test_what_is_named_is_there_and_nothing_else(
    results: Mapping[str, tuple[Produced, Path]], content_type: str
) -> None:
    outcome, folder = results[content_type]

    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert {name for name, _ in outcome.artifacts} == there
    assert all(ARTIFACT_NAME.fullmatch(name) for name in there)
    assert all(path.stat().st_size for path in folder.rglob("*") if path.is_file())


@pytest.mark.parametrize("content_type", TYPES)
def test_no_result_knows_where_on_this_box_it_was_made(
    results: Mapping[str, tuple[Produced, Path]], samples: Mapping[str, Path], content_type: str
) -> None:
    outcome, folder = results[content_type]
    ours = [str(samples[content_type].parent).encode(), str(folder).encode(), b".scratch-"]

    written = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    told = [*written, json.dumps(outcome.summary).encode()]
    assert not any(path in content for path in ours for content in told)


@pytest.mark.parametrize("content_type", TYPES)
def test_the_markdown_begins_with_its_one_title_and_its_facts(
    results: Mapping[str, tuple[Produced, Path]], content_type: str
) -> None:
    _, folder = results[content_type]
    (file,) = folder.glob("*.md") if content_type != "video" else folder.glob("video.md")

    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# ")
    assert lines[2].startswith("## ")
    assert lines[2].endswith(" Information")
    assert lines[4].startswith("- **")
    titles = [line for line in lines if line.startswith("# ") and not line.endswith("]")]
    assert titles == [lines[0]]


@pytest.mark.parametrize("content_type", TYPES)
def test_an_unknown_option_is_refused_with_the_names_of_the_known(
    samples: Mapping[str, Path], make_task: MakeTask, content_type: str
) -> None:
    unknown: dict[str, JsonValue] = {"colour": "blue"}
    task = make_task(content_type, samples[content_type], **unknown)

    with pytest.raises(OptionsInvalidError, match=r"unknown option 'colour'; known are .*language"):
        run_task(task, SETTINGS, lambda _: None)
