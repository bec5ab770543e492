import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress

import pytest

from agent.edges.processes import OwnProcesses, process_name, running_programs

PARENT = """
import subprocess
child = subprocess.Popen(["sleep", "60"])
print(child.pid, flush=True)
child.wait()
"""


@pytest.fixture
def family() -> Iterator[tuple[int, int]]:
    """A child of ours and what it has started in a session of its own."""
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        yield parent.pid, child
        with suppress(ProcessLookupError):
            os.kill(child, 9)


def test_what_we_have_started_is_ours_to_the_last_generation(family: tuple[int, int]) -> None:
    parent, child = family

    assert OwnProcesses().among([parent, child, os.getpid()]) == {parent, child, os.getpid()}


def test_what_stands_above_or_beside_us_is_not(family: tuple[int, int]) -> None:
    parent, child = family

    assert OwnProcesses(agent=parent).among([child, os.getpid(), 1, 0]) == {child}


def test_one_that_ended_between_two_looks_was_ours(family: tuple[int, int]) -> None:
    parent, child = family
    own = OwnProcesses()
    own.among([parent, child])
    os.kill(child, 9)
    os.waitid(os.P_PID, parent, os.WEXITED | os.WNOWAIT)

    assert child in own.among([child])


def test_one_that_nobody_ever_saw_alive_is_not() -> None:
    assert OwnProcesses().among([2**22 + 1]) == frozenset()


def test_a_process_has_a_name_while_it_lives() -> None:
    assert process_name(os.getpid())
    assert process_name(2**22 + 1) is None


def test_what_runs_is_listed_by_name(family: tuple[int, int]) -> None:
    assert "sleep" in running_programs()
    assert family
