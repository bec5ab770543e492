"""Limits of the link over half a minute, against what really comes over the wire."""

import asyncio
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path

from tests.benchmarks.report import Figure
from tests.edges.transfers import download, upload
from tests.edges.wire import Wire

SECONDS = 30.0
RATES = {"16 Mbit/s": 2_000_000, "1 Mbit/s": 125_000, "100 Mbit/s": 12_500_000}
ERROR_BAR = 5.0

Transfer = Callable[[int, float], Coroutine[None, None, Wire]]


def measure(_folder: Path) -> list[Figure]:
    ways: dict[str, Transfer] = {"download": download, "upload": upload}
    return [
        figure
        for name, rate in RATES.items()
        for way, transfer in ways.items()
        for figure in _figures(f"{way} limited to {name}", rate, transfer)
    ]


def _figures(name: str, rate: int, transfer: Transfer) -> list[Figure]:
    wire = asyncio.run(transfer(rate, SECONDS))
    print(f"{name}: {wire.rate / rate - 1:+.2%}", file=sys.stderr)
    return [
        Figure(f"{name}, error over 30 s", 100 * abs(wire.rate / rate - 1), ERROR_BAR, "%", "bar"),
        Figure(
            "… fastest second", wire.fastest_second / 1e6, 2 * rate / 1e6, "MB", "twice the limit"
        ),
    ]
