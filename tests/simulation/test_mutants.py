"""Every planted bug is caught, and within 500 seeds."""

from collections.abc import Iterator

import pytest

from tests.simulation.mutants import MUTANTS, planted
from tests.simulation.world import run

MOST_SEEDS = 500
CAUGHT_BY: dict[str, int] = {
    "counts_a_yield_as_a_failure": 127,
    "loses_what_waits_when_it_steps_back": 32,
    "accepts_an_offer_twice": 8,
    "computes_before_the_first_renewal": 1,
    "ignores_that_a_lease_is_lost": 17,
    "ignores_a_cancellation": 68,
    "drops_the_lease_before_the_upload_is_acknowledged": 1,
    "removes_the_result_before_it_is_acknowledged": 12,
    "takes_any_page_for_an_acknowledgement": 33,
    "hands_a_finished_result_back": 27,
    "reports_a_failure_only_once": 1,
    "resumes_without_if_range": 225,
    "appends_what_starts_again": 184,
    "does_not_check_the_input": 54,
    "resumes_under_the_old_lease": 1,
    "tells_nothing_of_earlier_jobs": 1,
    "accepts_before_the_journal_is_synced": 1,
    "accepts_before_the_journal_is_written": 318,
    "delivers_results_that_are_not_synced": 57,
    "trusts_bytes_after_a_power_cut": 184,
    "does_not_fence": 92,
    "accepts_results_of_cancelled_jobs": 202,
    "offers_again_to_whoever_asks_again": 2,
    "completes_only_once": 2,
    "submits_again_under_the_same_key": 16,
    "acknowledges_before_fsync": 1,
    "publishes_without_syncing_the_name": 1,
    "accepts_whatever_arrives": 10,
    "expires_leases_while_it_is_down": 4,
    "lets_leases_run_out_early": 1,
    "releases_what_was_to_be_kept": 310,
    "resumes_nothing": 1,
    "resumes_again_and_again": 5,
    "forgets_that_a_lease_was_accepted": 8,
}
"""The seed that caught it last: tried first, so that a catch costs one world and not hundreds."""

pytestmark = [
    pytest.mark.real_time,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    # Processes that are killed close nothing.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]


def seeds_for(name: str) -> Iterator[int]:
    known = CAUGHT_BY.get(name, 0)
    yield known
    yield from (seed for seed in range(MOST_SEEDS) if seed != known)


@pytest.mark.parametrize("name", MUTANTS)
def test_a_planted_bug_is_caught(name: str) -> None:
    for seed in seeds_for(name):
        with planted(name):
            wrongs = run(seed).wrongs
        if wrongs and not run(seed).wrongs:
            return
    pytest.fail(f"{name} went unnoticed in {MOST_SEEDS} seeds")
