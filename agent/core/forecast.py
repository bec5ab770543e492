"""How long a job will take, by what this box's own jobs took; careful where it has seen little.

A straight line through the middle of what was seen: so much for any job, and so much for a byte.
One job that took ten times as long moves neither. Beyond the largest input that was seen time grows
with the size, all of it: what nobody has tried is not hoped to be cheaper.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations

from agent.model.ids import Bytes, Seconds

MOST_SAMPLES = 32
ENOUGH = 3
"""Samples before the careful guess is no longer asked."""
MARGIN = 1.25
HALF, HIGH = 0.5, 0.8
"""Of the samples lie below what is told of them."""
APART = 1.1
"""Sizes nearer than that say nothing about what a byte costs."""
DOWNLOAD = "download"
"""Stands among the content types for what fetching an input takes."""


@dataclass(frozen=True, slots=True)
class Sample:
    size: int
    took: float


@dataclass(frozen=True, slots=True)
class Line:
    fixed: float
    per_byte: float

    def at(self, size: int) -> float:
        return self.fixed + self.per_byte * size


@dataclass(frozen=True, slots=True)
class Guess:
    line: Line
    size: int
    """Of an input that nobody told the size of."""


GUESSES: Mapping[str, Guess] = {
    DOWNLOAD: Guess(Line(2.0, 1e-6), 10**8),
    # As long as it plays, at 128 kbit/s; a film at 4 Mbit/s.
    "audio": Guess(Line(60.0, 6e-5), 10**8),
    "video": Guess(Line(120.0, 2e-6), 10**9),
    "image": Guess(Line(30.0, 2e-6), 10**7),
    "document": Guess(Line(60.0, 2e-5), 10**7),
    "web": Guess(Line(60.0, 1e-5), 10**6),
    "text": Guess(Line(10.0, 1e-6), 10**6),
}
UNKNOWN = Guess(Line(300.0, 6e-5), 10**8)


class History:
    """What the last jobs of each content type took."""

    def __init__(self, samples: Mapping[str, Iterable[Sample]] | None = None) -> None:
        self._samples = {
            name: deque(given, maxlen=MOST_SAMPLES) for name, given in (samples or {}).items()
        }
        self._lines: dict[str, Line] = {}
        """Of what was seen until now; an answer asks for each a hundred times."""

    @property
    def samples(self) -> Mapping[str, tuple[Sample, ...]]:
        return {name: tuple(given) for name, given in self._samples.items()}

    def note(self, content_type: str, size: int, took: Seconds) -> None:
        kept = self._samples.setdefault(content_type, deque(maxlen=MOST_SAMPLES))
        kept.append(Sample(max(1, size), max(0.0, took)))
        self._lines.pop(content_type, None)

    def estimate(self, content_type: str, size: int) -> Seconds:
        seen = self._samples.get(content_type, ())
        guess = GUESSES.get(content_type, UNKNOWN).line.at(size)
        if not seen:
            return Seconds(guess)
        known = self._through(content_type, seen, size) * MARGIN
        return Seconds(known if len(seen) >= ENOUGH else max(known, guess))

    def _through(self, content_type: str, seen: Iterable[Sample], size: int) -> float:
        samples = tuple(seen)
        line = self._lines.get(content_type) or _line(samples)
        self._lines[content_type] = line
        largest = max(one.size for one in samples)
        return line.at(size) if size <= largest else line.at(largest) * size / largest

    def smallest(self, content_type: str) -> Bytes:
        """An input smaller than all that came so far is not counted on."""
        return Bytes(min((one.size for one in self._samples.get(content_type, ())), default=1))

    def typical(self, content_type: str) -> Bytes:
        """Of an input whose size nobody told; rather too large."""
        sizes = [one.size for one in self._samples.get(content_type, ())]
        guess = GUESSES.get(content_type, UNKNOWN).size
        return Bytes(int(_part(sizes, HIGH)) if len(sizes) >= ENOUGH else guess)


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """The time until everything must be done."""

    left: Seconds
    ahead: Seconds
    """Of that, what the jobs that are held already still take."""
    longest: Seconds
    """A job that computes for longer is stopped."""
    slowest_link: float = 0.0
    """Seconds that a byte takes at least, by the owner's limit."""


@dataclass(frozen=True, slots=True)
class Doable:
    """What may be asked for so that it is done in time."""

    max_input: Bytes
    content_types: tuple[str, ...]


def needs(history: History, content_type: str, size: int, window: Window) -> Seconds:
    """From the offer to the result: fetched, waited for a slot, computed."""
    fetched = max(history.estimate(DOWNLOAD, size), size * window.slowest_link)
    return Seconds(
        window.ahead + fetched + min(history.estimate(content_type, size), window.longest)
    )


def fits(history: History, content_type: str, size: Bytes | None, window: Window) -> bool:
    known = history.typical(content_type) if size is None else size
    return needs(history, content_type, known, window) <= window.left


def doable(
    history: History, content_types: Iterable[str], largest: Bytes, window: Window
) -> Doable:
    """Types of which even a small job would not be done are left out.

    The size is that of the type which is quickest for its bytes: a server knows one limit for all.
    An offer of another type that is too large for it is judged by itself.
    """
    limits = {name: _largest(history, name, largest, window) for name in content_types}
    left = tuple(name for name, size in limits.items() if size >= history.smallest(name))
    return Doable(Bytes(max((limits[name] for name in left), default=0)), left)


def _largest(history: History, content_type: str, largest: Bytes, window: Window) -> Bytes:
    low, high = -1, int(largest) + 1
    while high - low > 1:
        middle = (low + high) // 2
        is_in_time = fits(history, content_type, Bytes(middle), window)
        low, high = (middle, high) if is_in_time else (low, middle)
    return Bytes(max(0, low))


def _line(samples: tuple[Sample, ...]) -> Line:
    """After Theil and Sen: the middle of all slopes, then high enough for most of the samples."""
    slopes = [
        (b.took - a.took) / (b.size - a.size)
        for a, b in combinations(samples, 2)
        if max(a.size, b.size) >= APART * min(a.size, b.size)
    ]
    per_byte = max(0.0, _part(slopes or [one.took / one.size for one in samples], HALF))
    fixed = _part([one.took - per_byte * one.size for one in samples], HIGH)
    return Line(max(0.0, fixed), per_byte)


def _part(values: Iterable[float], share: float) -> float:
    """The value that so large a share of all is below."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
