"""The image pipeline: what a picture is, what is written in it, and what it looks like.

An image without text is a success, unlike a recording without speech: most photos have none, and
size, time, camera, colours and fingerprint are worth finding again. Nothing was lost on the way.
"""

import json
from collections.abc import Sequence
from pathlib import Path

from agent.model.ids import Bytes
from agent.model.work import PipelineSettings, Produced, Progress, Task
from agent.pipelines.box.running import Box, box_of
from agent.pipelines.box.scratch import scratch_of
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.image.analysis import Analysis, Look, ReadPage
from agent.pipelines.image.colors import dominant_colors
from agent.pipelines.image.hashing import difference_hash, perceptual_hash
from agent.pipelines.image.looking import Facts, Picture, look
from agent.pipelines.image.models import Models
from agent.pipelines.image.options import ImageOptions
from agent.pipelines.image.rendering import as_json, as_markdown, as_summary
from agent.pipelines.image.thumbnail import write_thumbnail
from agent.pipelines.image.wanted import Wanted
from agent.pipelines.ocr.engine import Ocr, Pixels
from agent.pipelines.ocr.scripts import can_read
from agent.pipelines.options import parse_options
from agent.pipelines.output import Written, write
from agent.pipelines.pipeline import Report
from agent.pipelines.timed_report import TimedReport

_DECODED, _READ = 0.15, 0.9
"""Fractions of the whole task; reading the text is most of it."""
_MEGA = 1_000_000


class ImagePipeline:
    """Keeps its models loaded."""

    def __init__(
        self, settings: PipelineSettings, box: Box | None = None, models: Models | None = None
    ) -> None:
        self._settings = settings
        self._box = box or box_of(settings)
        self._models = models or Models(settings=settings)

    @property
    def held(self) -> tuple[str, ...]:
        return self._models.held

    def unload(self) -> None:
        self._models.unload()

    def leave_gpu(self) -> bool:
        return self._models.leave_gpu()

    def return_to_gpu(self) -> None:
        self._models.return_to_gpu()

    def run(self, task: Task, report: Report) -> Produced:
        options = parse_options(ImageOptions, task.options)
        report = timed = TimedReport(report)
        self._refuse_the_impossible(options)
        with scratch_of(task) as scratch:
            picture = self._look(task, scratch, options, report)
            analysis = self._analysed(task, picture, options, report)
            report(Progress(_READ, "writing"))
            more = self._looks(picture.pixels(0), options, Path(task.output))
        taken = timed.seconds
        written = (*_write_all(analysis, taken, Path(task.output)), *more)
        return Produced(written, as_summary(analysis, taken))

    def _refuse_the_impossible(self, options: ImageOptions) -> None:
        """Before anything is computed. Raises `EngineUnavailableError`."""
        if options.ocr:
            self._models.ocr()
        if options.caption:
            self._models.captioner()
        if options.embedding:
            self._models.embedder()

    def _look(self, task: Task, scratch: Path, options: ImageOptions, report: Report) -> Picture:
        report(Progress(0.0, "decoding"))
        wanted = Wanted(
            most_pixels=int(self._settings.max_megapixels * _MEGA),
            most_pages=options.max_pages,
            include_gps=options.include_gps,
            accept_partial=options.accept_partial,
        )

        def on_page(done: float) -> None:
            report(Progress(_DECODED * done / (done + 5), "decoding"))

        return look(self._box, Path(task.input), scratch, wanted, on_page)

    def _analysed(
        self, task: Task, picture: Picture, options: ImageOptions, report: Report
    ) -> Analysis:
        first = picture.pixels(0)
        reader, complaints = self._reader(options)
        captioner = self._models.captioner() if self._wants_caption(options) else None
        return Analysis(
            filename=task.filename,
            file_size=Bytes(Path(task.input).stat().st_size),
            facts=picture.facts,
            look=Look(dominant_colors(first), perceptual_hash(first), difference_hash(first)),
            pages=_read_pages(picture, reader, options.min_confidence, report),
            reader=reader.name if reader else None,
            caption=captioner.caption(first) if captioner else None,
            captioner=captioner.name if captioner else None,
            language=options.language,
            warnings=(*complaints, *_warnings(picture.facts, options, reader)),
        )

    def _reader(self, options: ImageOptions) -> tuple[Ocr | None, tuple[str, ...]]:
        if options.ocr is False:
            return None, ()
        try:
            return self._models.ocr(), ()
        except EngineUnavailableError as error:
            if options.ocr:
                raise
            return None, (str(error),)

    def _wants_caption(self, options: ImageOptions) -> bool:
        is_there = self._settings.caption_model is not None
        return is_there if options.caption is None else options.caption

    def _looks(self, first: Pixels, options: ImageOptions, folder: Path) -> Sequence[Written]:
        """What is made of the first page's pixels and is no text."""
        written: list[Written] = []
        if side := options.thumbnail_side:
            quality = self._settings.thumbnail_quality
            written.append(
                write_thumbnail(first, folder, "thumbnail.jpg", longest_side=side, quality=quality)
            )
        if options.embedding:
            embedder = self._models.embedder()
            vector = list(embedder.embedding(first))
            content = {"model": embedder.name, "dimensions": len(vector), "embedding": vector}
            written.append(write(folder, "embedding.json", json.dumps(content) + "\n"))
        return written


def _read_pages(
    picture: Picture, reader: Ocr | None, min_confidence: float, report: Report
) -> tuple[ReadPage, ...]:
    sizes = picture.facts.pages
    if reader is None:
        return tuple(ReadPage(size) for size in sizes)
    pages = []
    for number, size in enumerate(sizes):
        share = number / len(sizes)
        report(Progress(_DECODED + share * (_READ - _DECODED), "reading text"))
        lines = reader.lines(picture.pixels(number))
        sure = tuple(line for line in lines if line.confidence >= min_confidence)
        pages.append(ReadPage(size, sure))
    return tuple(pages)


def _warnings(facts: Facts, options: ImageOptions, reader: Ocr | None) -> Sequence[str]:
    warnings = []
    if facts.is_cut:
        warnings.append("the file is cut off or broken, and only what could be decoded is here.")
    if not facts.is_animated and len(facts.pages) < facts.page_count:
        warnings.append(f"only {len(facts.pages)} of {facts.page_count} pages were looked at.")
    if reader and options.language and not can_read(options.language):
        warnings.append(f"{reader.name} cannot read the letters of {options.language!r}.")
    return warnings


def _write_all(analysis: Analysis, taken: float, folder: Path) -> Sequence[Written]:
    written = [
        write(folder, "image.md", as_markdown(analysis)),
        write(folder, "image.json", as_json(analysis, taken)),
    ]
    if analysis.text:
        written.append(write(folder, "text.txt", f"{analysis.text}\n"))
    return written
