import resource

import pytest

from agent.cli.doctor.box import limits_finding, memory_finding
from agent.cli.doctor.check import Verdict
from agent.edges.cgroups import Allowance
from agent.model.ids import Bytes

GB = 10**9
FREE = Allowance()


def test_memory_that_suffices_for_every_slot_is_fine() -> None:
    found = memory_finding(32 * GB, 20 * GB, 2 * GB, FREE, slots=2)

    assert found.verdict is Verdict.OK
    assert found.seen == "20.0 of 32.0 GB free, 2.0 GB of swap"
    assert found.measured["total_bytes"] == 32 * GB


@pytest.mark.parametrize(
    ("total", "available", "limit", "words"),
    [
        (32 * GB, 20 * GB, 6 * GB, "the control group gives us 6.0 of 32.0 GB"),
        (6 * GB, 5 * GB, None, "2 slots may need 8 GB"),
        (32 * GB, 3 * GB, None, "2 slots may need 8 GB"),
    ],
)
def test_memory_that_does_not_is_told(
    total: int, available: int, limit: int | None, words: str
) -> None:
    allowed = Allowance(memory=None if limit is None else Bytes(limit))

    found = memory_finding(total, available, 0, allowed, slots=2)

    assert found.verdict is Verdict.WARNING
    assert words in found.seen
    assert found.advice


@pytest.mark.parametrize(
    ("allowed", "files", "shared", "advice"),
    [
        (FREE, 256, GB, "ulimit -n"),
        (Allowance(processes=64), 4096, GB, "--pids-limit"),
        (Allowance(cores=0.5), 4096, GB, "--cpus"),
        (FREE, 4096, 10**6, "--shm-size"),
        (FREE, 4096, 0, "--shm-size"),
    ],
)
def test_each_limit_that_is_too_low_is_told_with_how_to_raise_it(
    allowed: Allowance, files: int, shared: int, advice: str
) -> None:
    found = limits_finding(allowed, files, 8192, shared, 8)

    assert found.verdict is Verdict.WARNING
    assert advice in found.advice


def test_limits_that_are_high_enough_are_fine() -> None:
    allowed = Allowance(processes=4096, cores=2.0)

    found = limits_finding(allowed, resource.RLIM_INFINITY, resource.RLIM_INFINITY, GB, 8)

    assert found.verdict is Verdict.OK
    assert "2 of 8 cores" in found.seen
    assert "any number of open files" in found.seen
