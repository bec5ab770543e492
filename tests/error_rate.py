"""How wrong a diarization is: pyannote's measure, without forgiveness at the edges of turns."""

from collections.abc import Iterable

from pyannote.core import Annotation, Segment, Timeline
from pyannote.metrics.diarization import DiarizationErrorRate

from agent.pipelines.diarization.turns import Turn


def error_rate(truth: Iterable[Turn], found: Iterable[Turn]) -> float:
    """Missed, false and confused time by time spoken; overlaps count, labels are free."""
    reference, hypothesis = _annotation(truth), _annotation(found)
    whole = Timeline([reference.get_timeline().extent() | hypothesis.get_timeline().extent()])
    return float(DiarizationErrorRate(collar=0.0)(reference, hypothesis, uem=whole))


def _annotation(turns: Iterable[Turn]) -> Annotation:
    annotation = Annotation()
    for number, turn in enumerate(turns):
        annotation[Segment(turn.start, turn.end), number] = turn.speaker
    return annotation
