"""Which language a recording speaks: one look where that is clear, else a vote of several."""

from collections import Counter
from collections.abc import Sequence

from agent.pipelines.audio.engines.engine import Engine
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span

SURE = 0.7
"""Below this probability one look at half a minute is wrong too often to be trusted alone."""
_WINDOW = 30.0
_LOOKS = 4


def find_language(
    engine: Engine, recording: Recording, speech: Sequence[Span]
) -> tuple[str, float]:
    """The code and how likely it is, 0 to 1. `speech` is not empty."""
    if len(engine.languages) == 1:
        return next(iter(engine.languages)), 1.0
    votes: Counter[str] = Counter()
    looks = 0
    for start in _places(speech):
        likely = engine.detect_language(recording.samples(start, start + _WINDOW))
        votes.update(likely)
        looks += 1
        language = max(likely, key=lambda code: likely[code])
        if likely[language] >= SURE:
            return language, likely[language]
    language, total = votes.most_common(1)[0]
    return language, total / looks


def _places(speech: Sequence[Span]) -> list[float]:
    """Starts of spans, the first and then spread evenly, none within another's window."""
    step = max(1, len(speech) // _LOOKS)
    places: list[float] = []
    for span in speech[::step][:_LOOKS]:
        if not places or span.start >= places[-1] + _WINDOW:
            places.append(span.start)
    return places
