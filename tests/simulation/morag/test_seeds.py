"""The fault list again, over a server that grants no leases: none lost, none ingested twice."""

import pytest

from tests.simulation.crowd import failures
from tests.simulation.morag.mutants import MUTANTS, planted
from tests.simulation.morag.world import run

SEEDS = 200
"""`python -m tests.simulation --morag --seeds 20000` for more."""
PROCESSES = 2
CAUGHT_BY = {
    "sends_a_result_without_asking": 3,
    "does_not_wait_for_an_ingestion": 49,
    "forgets_that_a_result_was_sent": 73,
    "keeps_jobs_in_memory_only": 1,
    "gives_up_the_question": 120,
    "forgets_what_it_hands_back": 4,
    "tells_every_failure_at_once": 1,
    "forgets_jobs_that_it_did_not_begin": 4,
    "drops_a_job_that_the_server_does_not_answer_for": 4,
}
"""The seed that caught it last: tried first, so that a catch costs one world and not hundreds."""
MOST_SEEDS = 500

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.slow,
    # Processes that are killed close nothing.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


@pytest.mark.timeout(600)
def test_no_seed_breaks_a_law() -> None:
    found = failures(range(SEEDS), PROCESSES, is_morag=True)

    assert not found, "\n".join(
        f"python -m tests.simulation --morag --seed {seed} --trace  # {'; '.join(wrongs)}"
        for seed, wrongs in found
    )


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_caught(name: str) -> None:
    for seed in dict.fromkeys((CAUGHT_BY.get(name, 0), *range(MOST_SEEDS))):
        with planted(name):
            wrongs = run(seed).wrongs
        if wrongs and not run(seed).wrongs:
            return
    pytest.fail(f"{name} went unnoticed in {MOST_SEEDS} seeds")


def test_the_same_seed_gives_the_same_trace() -> None:
    assert run(11) == run(11)
