import os
import time

import pytest

from agent.edges.trials import Broken, Trial
from tests.edges.trial_modules.answers import Said


def tried(*words: str, deadline: float = 30.0) -> Said | Broken:
    trial = Trial("tests.edges.trial_modules.answers", Said, *words)
    return trial.run(dict(os.environ), deadline)


def test_the_answer_of_a_trial_comes_as_what_it_is() -> None:
    assert tried("answer", "twice") == Said(("answer", "twice"))


@pytest.mark.parametrize(
    ("deed", "reason"),
    [
        ("fail", "ImportError: no such thing"),
        ("crash", "it crashed (SIGSEGV)"),
        ("chatter", "it answered 'a library says hello\\n', which is no answer"),
    ],
)
def test_a_trial_that_breaks_takes_nobody_along(deed: str, reason: str) -> None:
    assert tried(deed) == Broken(reason)


def test_a_trial_that_hangs_is_left_behind_at_its_deadline() -> None:
    begun = time.monotonic()

    assert tried("hang", deadline=0.5) == Broken("no answer within 0.5 s", is_silent=True)
    assert time.monotonic() - begun < 5
