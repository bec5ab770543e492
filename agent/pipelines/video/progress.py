"""How far a video is: each part of the work has its share, by what it usually takes."""

from collections.abc import Callable

from agent.model.work import Progress
from agent.pipelines.pipeline import Report

LOOKING, HEARING, READING, CUTTING = (0.0, 0.25), (0.25, 0.85), (0.85, 0.93), (0.93, 1.0)
"""Where each begins and ends, as fractions of the whole task."""


def within(report: Report, share: tuple[float, float]) -> Report:
    """Takes the progress of one half, which runs from 0 to 1 in itself."""
    begin, end = share

    def tell(progress: Progress) -> None:
        report(Progress(begin + progress.fraction * (end - begin), progress.message))

    return tell


def of_length(report: Report, message: str, length: float) -> Callable[[float], None]:
    """Takes positions up to `length`, and goes only forward: several passes may be made."""
    reached = 0.0

    def tell(position: float) -> None:
        nonlocal reached
        reached = max(reached, min(1.0, position / length)) if length > 0 else 0.0
        report(Progress(reached, message))

    return tell
