"""Reads what is written in key frames, where there is somebody who can."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TypeAlias

from agent.model.work import PipelineSettings
from agent.pipelines.models.leaving import leave_gpu, return_to_gpu
from agent.pipelines.ocr.engine import Ocr
from agent.pipelines.ocr.layout import as_paragraphs
from agent.pipelines.ocr.loading import load_ocr
from agent.pipelines.video.pictures import KeyFrame, Rgb, pixels_of
from agent.pipelines.video.screen_text import Reading

TextReader: TypeAlias = Callable[[Rgb], tuple[str, ...]]
"""The paragraphs in a picture of height x width x 3, in the order in which one reads."""


def load_text_reader(settings: PipelineSettings) -> TextReader:
    """Raises `EngineUnavailableError`."""
    return _Reader(load_ocr(settings))


class _Reader:
    def __init__(self, ocr: Ocr) -> None:
        self._ocr = ocr

    def __call__(self, pixels: Rgb) -> tuple[str, ...]:
        return as_paragraphs(self._ocr.lines(pixels))

    def leave_gpu(self) -> bool:
        return leave_gpu([self._ocr])

    def return_to_gpu(self) -> None:
        return_to_gpu([self._ocr])


def readings(
    reader: TextReader, scratch: Path, frames: Sequence[KeyFrame], tell: Callable[[int], None]
) -> Iterator[Reading]:
    for number, frame in enumerate(frames):
        tell(number)
        if frame.screen is not None:
            pixels = pixels_of(scratch, frame.screen)
            (scratch / frame.screen.name).unlink()  # they are large, and there may be hundreds
            yield Reading(frame.time, reader(pixels))
