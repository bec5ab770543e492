"""Two thousand worlds: no job is lost, none counts twice, and a seed always tells the same."""

import os
import subprocess
import sys

import pytest

from tests.simulation.crowd import failures
from tests.simulation.world import run

SEEDS = 2000
PROCESSES = 2
pytestmark = [
    pytest.mark.real_time,
    pytest.mark.slow,
    # Processes that are killed close nothing.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.mark.timeout(1800)
def test_no_seed_breaks_a_law() -> None:
    found = failures(range(SEEDS), PROCESSES)

    assert not found, "\n".join(
        f"python -m tests.simulation --seed {seed} --trace  # {'; '.join(wrongs)}"
        for seed, wrongs in found
    )


@pytest.mark.parametrize("seed", range(10, 16))
def test_the_same_seed_gives_the_same_trace(seed: int) -> None:
    assert run(seed) == run(seed)


def test_the_trace_is_the_same_in_another_process() -> None:
    def told(hash_seed: str) -> str:
        return subprocess.run(
            [sys.executable, "-m", "tests.simulation", "--seed", "14", "--trace"],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout

    assert told("1") == told("2")
