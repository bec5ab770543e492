"""Puts recognised lines into the order in which they are read."""

from collections.abc import Sequence

from agent.pipelines.ocr.engine import Line


def as_paragraphs(lines: Sequence[Line]) -> tuple[str, ...]:
    return tuple(line.text for line in sorted(lines, key=lambda line: (line.box[1], line.box[0])))
