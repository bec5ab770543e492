"""Reads what is written in key frames, where there is somebody who can."""

import importlib
from collections.abc import Callable, Iterator, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol, TypeAlias, cast

import numpy as np
import numpy.typing as npt

from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.video.pictures import KeyFrame, pixels_of
from agent.pipelines.video.screen_text import Reading

Rgb = npt.NDArray[np.uint8]


class Reader(Protocol):
    def __call__(self, pixels: Rgb, /) -> tuple[str, ...]:
        """The paragraphs in a picture of height x width x 3, in the order in which one reads."""


LoadReader: TypeAlias = Callable[[PipelineSettings], Reader]


def load_reader(settings: PipelineSettings) -> Reader:
    """Raises `EngineUnavailableError`."""
    if find_spec("agent.pipelines.ocr") is None:
        raise EngineUnavailableError("text in pictures cannot be read by this release.")
    ocr = cast("Any", importlib.import_module("agent.pipelines.ocr.loading")).load_ocr(settings)
    layout = cast("Any", importlib.import_module("agent.pipelines.ocr.layout"))

    def read(pixels: Rgb) -> tuple[str, ...]:
        return tuple(layout.as_paragraphs(ocr.lines(pixels)))

    return read


def readings(
    reader: Reader, scratch: Path, frames: Sequence[KeyFrame], tell: Callable[[int], None]
) -> Iterator[Reading]:
    for number, frame in enumerate(frames):
        tell(number)
        if frame.screen is not None:
            pixels = pixels_of(scratch, frame.screen)
            (scratch / frame.screen.name).unlink()  # they are large, and there may be hundreds
            yield Reading(frame.time, reader(pixels))
