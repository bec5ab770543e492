"""The document pipeline: a file of any usual office format becomes Markdown."""

from dataclasses import replace
from pathlib import Path
from typing import Protocol

from agent.model.ids import Bytes, JsonObject, Seconds
from agent.model.work import PipelineSettings, Produced, Progress, Task
from agent.pipelines.box.limits import Limits
from agent.pipelines.box.running import Box, box_of
from agent.pipelines.box.scratch import scratch_of
from agent.pipelines.document.content import Content, Page
from agent.pipelines.document.kinds import Kind
from agent.pipelines.document.options import DocumentOptions
from agent.pipelines.document.recognition import load_recognition
from agent.pipelines.document.rendering import as_json, as_markdown, as_text, word_count
from agent.pipelines.document.scans import Recognise, Scans
from agent.pipelines.errors import EngineUnavailableError, MediaUnreadableError
from agent.pipelines.models.leaving import leave_gpu, return_to_gpu
from agent.pipelines.options import parse_options
from agent.pipelines.output import Written, write
from agent.pipelines.pipeline import Report

_UNPACKED = Bytes(64 * 1024**2)
"""For the pdfium that kreuzberg unpacks where it reads a damaged PDF."""
_LIMITS = Limits(
    memory=Bytes(2 * 1024**3), cpu=Seconds(1800.0), written=_UNPACKED, stall=Seconds(45.0)
)
_READ, _RECOGNISED = 0.3, 0.95
"""Fractions of the whole task; where nothing is scanned, the second comes at once."""


class LoadRecognition(Protocol):
    def __call__(self, settings: PipelineSettings, /) -> Recognise: ...


class DocumentPipeline:
    """Keeps the recognition of letters loaded, once a scan has needed it."""

    def __init__(
        self,
        settings: PipelineSettings,
        load: LoadRecognition | None = None,
        box: Box | None = None,
    ) -> None:
        self._settings = settings
        self._load = load or load_recognition
        self._box = box or box_of(settings)
        self._recognise: Recognise | None = None

    @property
    def held(self) -> tuple[str, ...]:
        return () if self._recognise is None else ("ocr",)

    def unload(self) -> None:
        self._recognise = None

    def leave_gpu(self) -> bool:
        return leave_gpu([self._recognise])

    def return_to_gpu(self) -> None:
        return_to_gpu([self._recognise])

    def run(self, task: Task, report: Report) -> Produced:
        options = parse_options(DocumentOptions, task.options)
        with scratch_of(task) as scratch:
            content = self._read(task, scratch, options, report)
            content = self._with_scans(task, scratch, content, options, report)
        _check_has_words(content)
        language = options.language or content.facts.language
        return Produced(_write_all(task, content, options, language), _summary(content, language))

    def _read(self, task: Task, scratch: Path, options: DocumentOptions, report: Report) -> Content:
        report(Progress(0.0, "reading"))
        answer = self._box.read(
            "document",
            Path(task.input),
            scratch,
            {
                "filename": task.filename,
                "media_type": task.media_type,
                "options": options.model_dump(),
            },
            limits=_LIMITS,
            on_told=lambda share: report(Progress(_READ * min(1.0, share), "reading")),
        )
        return Content.of(answer)

    def _with_scans(
        self,
        task: Task,
        scratch: Path,
        content: Content,
        options: DocumentOptions,
        report: Report,
    ) -> Content:
        numbers = _to_recognise(content, options)
        if not numbers:
            return content
        try:
            recognise = self._loaded(report)
        except EngineUnavailableError as error:
            if options.ocr or not word_count(content):
                raise
            note = f"{len(numbers)} pages are pictures and were not read: {error}"
            return replace(content, warnings=[*content.warnings, note])
        scans = Scans(
            box=self._box, file=Path(task.input), scratch=scratch, password=options.password
        )
        texts = scans.texts(
            numbers,
            recognise,
            lambda share: report(Progress(_READ + share * (_RECOGNISED - _READ), "recognising")),
        )
        pages = [_recognised_page(page, texts) for page in content.pages]
        return replace(content, pages=pages)

    def _loaded(self, report: Report) -> Recognise:
        if self._recognise is None:
            report(Progress(_READ, "loading model"))
            self._recognise = self._load(self._settings)
        return self._recognise


def _to_recognise(content: Content, options: DocumentOptions) -> list[int]:
    if content.kind is not Kind.PDF or options.ocr is False:
        return []
    return [
        page.number
        for page in content.pages
        if page.number is not None and (page.is_scanned or options.ocr)
    ]


def _recognised_page(page: Page, texts: dict[int, str]) -> Page:
    text = texts.get(page.number or 0, "").strip()
    return replace(page, markdown=text, is_recognised=True) if text else page


def _check_has_words(content: Content) -> None:
    if word_count(content):
        return
    pictures = sum(page.is_scanned for page in content.pages)
    reason = (
        f"{pictures} of its pages are pictures, in which no letters were recognised"
        if pictures
        else "it has neither words nor pictures of pages"
    )
    raise MediaUnreadableError(f"the document holds no text; {reason}.")


def _write_all(
    task: Task, content: Content, options: DocumentOptions, language: str | None
) -> tuple[Written, ...]:
    folder = Path(task.output)
    size = Path(task.input).stat().st_size
    markdown = as_markdown(content, task.filename, size, language, options)
    return (
        write(folder, "document.json", as_json(content, task.filename, language)),
        write(folder, "document.md", markdown),
        write(folder, "text.txt", as_text(content)),
    )


def _summary(content: Content, language: str | None) -> JsonObject:
    """Flat, and in MoRAG's words: it copies all of this into every chunk."""
    facts = content.facts
    summary: JsonObject = {
        "content_type": "document",
        "document_type": content.kind.value,
        "page_count": facts.page_count,
        "word_count": word_count(content),
        "title": facts.title,
        "author": facts.author,
        "creation_date": facts.created,
        "language": language,
        "encoding": content.encoding,
        "table_count": len(content.tables),
        "ocr_pages": sum(page.is_recognised for page in content.pages),
        "warnings": [*content.warnings] or None,
    }
    return {name: value for name, value in summary.items() if value is not None}
