"""What an agent costs that has nothing to do: memory and processor time over two long polls."""

import time
from pathlib import Path

import psutil

from tests.benchmarks.report import Figure
from tests.end_to_end.house import house_in

SETTLE_S = 5.0
WATCH_S = 55.0
BAR_BYTES = 60e6
BAR_CPU = 0.2
"""Percent of one core."""


def measure(folder: Path) -> list[Figure]:
    with house_in(folder) as house:
        house.serve()
        agent = house.agent("attic", "--log-level", "info")
        time.sleep(SETTLE_S)
        process = psutil.Process(agent.pid)
        before = process.cpu_times()
        time.sleep(WATCH_S)
        after = process.cpu_times()
        spent = after.user + after.system - before.user - before.system
        memory = process.memory_info().rss
        child = sum(child.memory_info().rss for child in process.children(recursive=True))
    return [
        Figure("idle agent, resident memory", memory / 1e6, BAR_BYTES / 1e6, "MB", "bar"),
        Figure("idle agent, processor", spent / WATCH_S * 100, BAR_CPU, "%", "bar"),
        Figure(
            "its warm child before a model is loaded", child / 1e6, BAR_BYTES / 1e6, "MB", "bar"
        ),
    ]
