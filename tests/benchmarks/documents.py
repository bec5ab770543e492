"""How much of a document survives: headings, table rows, list items and paragraphs in Markdown.

Beside the extraction library alone, and the plain readers of PDF, in the same run. With
MORAG_SAMPLE_DOCUMENTS set to a folder that holds `truth.json` and `report.*`, on those; else on a
PDF, a Word document and a workbook that are made here.
"""

import json
import os
import re
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

from agent.model.ids import JobId
from agent.model.work import PipelineSettings, Task
from agent.pipelines.document.pipeline import DocumentPipeline
from agent.pipelines.web.pipeline import WebPipeline
from tests.benchmarks.report import Figure
from tests.pipelines.document.offices import (
    word_paragraph,
    word_table,
    write_docx,
    write_xlsx,
)
from tests.pipelines.document.pdfs import Item, Put, write_pdf

RUNS = 3
SAMPLES = "MORAG_SAMPLE_DOCUMENTS"
_TITLE = re.compile(r"#+\s+(?:Web Page: )?")
_RULE = re.compile(r"\|[ :|-]+\|?")


@dataclass(frozen=True, slots=True)
class Truth:
    headings: list[str]
    paragraphs: list[str]
    items: list[str]
    rows: list[list[str]]


def measure(folder: Path) -> Iterator[Figure]:
    given = os.environ.get(SAMPLES)
    truth, files = _given(Path(given)) if given else _made(folder)
    for file in files:
        whole = _of(file, truth)
        for name, convert in _converters(file).items():
            markdown, seconds = _timed(convert, file)
            yield from _figures(f"{file.name}, {name}", markdown, seconds, whole)


def _figures(name: str, markdown: str, seconds: float, truth: Truth) -> Iterator[Figure]:
    found = survived(markdown, truth)
    for part, count in found.items():
        whole = len(getattr(truth, part))
        if whole:
            yield Figure(f"{name}: {part}", float(count), float(whole), "", "truth")
    yield Figure(f"{name}: time", seconds * 1000, 1000.0, "ms", "one second")


def survived(markdown: str, truth: Truth) -> Mapping[str, int]:
    """What stands in `markdown` as what it is: a heading as one, a row as the row of a table."""
    lines = [line.strip() for line in markdown.split("\n")]
    headings = {_plain(_TITLE.sub("", line)) for line in lines if line.startswith("#")}
    items = {_plain(line[2:]) for line in lines if line[:2] in {"- ", "* "}}
    rows = [_cells(line) for line in lines if line.startswith("|") and not _RULE.fullmatch(line)]
    text = _plain(markdown)
    return {
        "headings": sum(_plain(heading) in headings for heading in truth.headings),
        "rows": sum([_plain(cell) for cell in row] in rows for row in truth.rows),
        "items": sum(_plain(item) in items for item in truth.items),
        "paragraphs": sum(_plain(paragraph) in text for paragraph in truth.paragraphs),
    }


def _cells(line: str) -> list[str]:
    return [_plain(cell) for cell in line.strip("|").split("|")]


def _plain(text: str) -> str:
    """Quotes and hyphens are written in many ways, and blanks are."""
    unified = text.replace("\u2019", "'").replace("\u2011", "-").replace("**", "")
    return " ".join(unified.split())


def _converters(file: Path) -> Mapping[str, Callable[[Path], str]]:
    rivals: dict[str, Callable[[Path], str]] = {"ours": _ours, "kreuzberg": _kreuzberg}
    if file.suffix == ".html":
        rivals = {"ours (web)": _ours_of_web, "trafilatura": _trafilatura} | rivals
    if file.suffix == ".pdf":
        rivals["pdfplumber"] = _pdfplumber
    if find_spec("markitdown"):
        rivals["markitdown"] = _markitdown
    return rivals


def _ours(file: Path) -> str:
    return _run(file, "document", "document.md")


def _ours_of_web(file: Path) -> str:
    return _run(file, "web", "page.md")


def _run(file: Path, content_type: str, artifact: str) -> str:
    pipeline = (WebPipeline if content_type == "web" else DocumentPipeline)(PipelineSettings())
    with tempfile.TemporaryDirectory() as output:
        task = Task(
            job_id=JobId("bench"),
            content_type=content_type,
            input=str(file),
            filename=file.name,
            media_type=None,
            output=output,
            options={},
        )
        pipeline.run(task, lambda _: None)
        return (Path(output) / artifact).read_text("utf-8")


def _kreuzberg(file: Path) -> str:
    import kreuzberg

    config = kreuzberg.ExtractionConfig(use_cache=False, output_format="markdown")
    return str(kreuzberg.extract_file_sync(file, config=config).content)


def _pdfplumber(file: Path) -> str:
    import pdfplumber

    with pdfplumber.open(file) as pdf:
        parts = []
        for page in pdf.pages:
            parts.append(page.extract_text())
            for table in page.extract_tables():
                parts += ["| " + " | ".join(cell or "" for cell in row) + " |" for row in table]
        return "\n".join(parts)


def _trafilatura(file: Path) -> str:
    import trafilatura

    return trafilatura.extract(file.read_text("utf-8"), output_format="markdown") or ""


def _markitdown(file: Path) -> str:
    # By name: it is measured where somebody has installed it, and needed by nothing.
    converter = import_module("markitdown").MarkItDown()
    return str(converter.convert(str(file)).text_content)


def _timed(convert: Callable[[Path], str], file: Path) -> tuple[str, float]:
    convert(file)  # what a library does once is not what is measured
    taken = []
    markdown = ""
    for _ in range(RUNS):
        started = time.monotonic()
        markdown = convert(file)
        taken.append(time.monotonic() - started)
    return markdown, statistics.median(taken)


def _given(folder: Path) -> tuple[Truth, list[Path]]:
    told = json.loads((folder / "truth.json").read_text("utf-8"))
    rows = [row for table in told["t"] for row in table]
    files = sorted(file for file in folder.glob("report.*"))
    return Truth(told["h"], told["p"], told["l"], rows), files


def _of(file: Path, truth: Truth) -> Truth:
    """A workbook has nothing but tables and their names."""
    if file.suffix != ".xlsx":
        return truth
    return Truth(truth.headings[2:4], [], [], truth.rows)


def _made(folder: Path) -> tuple[Truth, list[Path]]:
    truth = Truth(
        ["A Report", "Introduction", "Prices", "Costs"],
        ["These are the first words of this report.", "These are the last."],
        ["check before use", "keep away from fire"],
        [["Item", "Count", "Total"], ["green tea", "12", "$24.00"], ["milk", "2 l", "$0.16"]],
    )
    sheets = {"Prices": truth.rows, "Costs": [["a"]]}
    files = [
        _made_pdf(folder / "report.pdf", truth),
        _made_docx(folder / "report.docx", truth),
        write_xlsx(folder / "report.xlsx", sheets),
    ]
    return truth, files


def _made_pdf(path: Path, truth: Truth) -> Path:
    first, *others = truth.headings
    page: list[Item] = [Put(first, 60, 60, 20, bold=True)]
    page += [Put(text, 60, 100 + 30 * at) for at, text in enumerate(truth.paragraphs)]
    page += [Put(text, 60, 200 + 40 * at, 15, bold=True) for at, text in enumerate(others)]
    page += [Put(f"• {text}", 60, 350 + 12 * at) for at, text in enumerate(truth.items)]
    page += [
        Put(cell, 60 + 110 * column, 400 + 14 * row)
        for row, cells in enumerate(truth.rows)
        for column, cell in enumerate(cells)
    ]
    return write_pdf(path, [page])


def _made_docx(path: Path, truth: Truth) -> Path:
    body = "".join(word_paragraph(text, "Heading1") for text in truth.headings)
    body += "".join(map(word_paragraph, truth.paragraphs))
    body += "".join(word_paragraph(text, "ListBullet") for text in truth.items)
    return write_docx(path, body + word_table(truth.rows))
