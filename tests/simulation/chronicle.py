"""What every judge of a world writes down: what happened, what was wrong, and what the slots do."""

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tests.simulation.call import Call
from tests.simulation.moments import Moments
from tests.simulation.story import JobStory

BUGS = frozenset({"call.broken", "job.broke", "loop.broken", "request.broken"})
_FOLDER = re.compile(r"/\S*simulation-\w+")
"""Another one each time: no part of the story."""


@dataclass(kw_only=True)
class Chronicle:
    now: Callable[[], float]
    slots: dict[str, int]
    trace: list[tuple[float, str, str]] = field(default_factory=list[tuple[float, str, str]])
    wrongs: list[str] = field(default_factory=list[str])
    spoils: Counter[str] = field(default_factory=Counter[str])
    """Downloads that something on the way altered, by job."""
    moments: Moments = field(default_factory=Moments)
    computed: Counter[str] = field(default_factory=Counter[str])
    """How often each job was begun."""
    _computing: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])

    def note(self, who: str, what: str) -> None:
        self.trace.append((round(self.now(), 6), who, what))

    def blame(self, what: str) -> None:
        self.note("LEDGER", what)
        self.wrongs.append(f"{self.now():.3f}: {what}")

    def logged(self, _level: str, event: Mapping[str, Any]) -> None:
        said = " ".join(f"{key}={value}" for key, value in sorted(event.items()) if key != "event")
        said = _FOLDER.sub("", said)
        self.note("log", f"{event['event']} {said}")
        if event["event"] in BUGS:
            self.blame(f"a bug: {event['event']} {said}")

    def torn(self, call: Call) -> None:
        if call.is_download:
            self.moments.on_torn(call)

    def computes(self, process: str, job: JobStory) -> None:
        self.note(process, f"computes {job.name}")
        self.computed[job.name] += 1
        self._computing[process, job.name] += 1
        if self._computing[process, job.name] > 1:
            self.blame(f"{process} computes {job.name} twice at once")
        busy = sum(n for (who, _), n in self._computing.items() if who == process)
        if busy > self.slots[process.partition("/")[0]]:
            self.blame(f"{process} computes more than its slots allow")

    def still_computes(self, process: str, job: JobStory) -> None:
        """Where there are leases it may have lost its own."""

    def stopped(self, process: str, job: JobStory) -> None:
        if self._computing[process, job.name]:
            self._computing[process, job.name] -= 1

    def ended(self, process: str) -> None:
        """The process is dead: its children are too."""
        self.note(process, "ends")
        for key in [key for key in self._computing if key[0] == process]:
            del self._computing[key]

    def still_computing(self) -> list[str]:
        return [f"{who} {name}" for (who, name), count in self._computing.items() if count]
