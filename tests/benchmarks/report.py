"""One measured figure beside the limit it is held to, in the same run."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    name: str
    value: float
    limit: float
    unit: str
    against: str = "limit"
    """What `limit` is: a bar that the project set, or a rival measured in the same run."""

    @property
    def ratio(self) -> float:
        return self.value / self.limit

    def row(self) -> str:
        return (
            f"| {self.name} | {self.value:.3g} {self.unit} "
            f"| {self.limit:.3g} {self.unit} ({self.against}) | {self.ratio:.2f} |"
        )


HEAD = "| figure | measured | beside | ratio |\n|---|---|---|---|"


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def p99(values: Sequence[float]) -> float:
    return sorted(values)[min(len(values) - 1, int(len(values) * 0.99))]
