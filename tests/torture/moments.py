"""When to kill: after something that a process says in its log, and a little later."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from tests.torture.nursery import PATIENCE, Born

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Moment:
    """At most `longest` seconds after one of the processes said `event`."""

    event: str | None
    """None: after now."""
    longest: float
    stage: str | None = None

    def is_in(self, record: Record) -> bool:
        if record["event"] != self.event:
            return False
        return self.stage is None or record["stage"] == self.stage


class Ear:
    """Hears the log lines of one process as they come."""

    def __init__(self, born: Born) -> None:
        self._file = born.output.open("rb")
        self._rest = b""

    def news(self) -> Iterator[Record]:
        *whole, self._rest = (self._rest + self._file.read()).split(b"\n")
        for line in whole:
            if line.startswith(b"{"):
                yield json.loads(line)

    def skip(self) -> None:
        """What was said so far is no news."""
        for _ in self.news():
            pass

    def close(self) -> None:
        self._file.close()


def wait_for(
    moment: Moment, ears: Sequence[Ear], rng: Random, hear: Callable[[Record], None]
) -> None:
    """Until the moment has come. `hear` gets everything that is said meanwhile."""
    due = time.monotonic() + (PATIENCE if moment.event else rng.random() * moment.longest)
    is_set = moment.event is None
    while time.monotonic() < due:
        for record in (record for ear in ears for record in ear.news()):
            hear(record)
            if not is_set and moment.is_in(record):
                due, is_set = time.monotonic() + rng.random() * moment.longest, True
        time.sleep(0.001)
    assert is_set, f"within {PATIENCE:g} s nobody said {moment}"
