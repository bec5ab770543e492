"""Whoever judges has to be able to find somebody guilty."""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.torture.judge import Score, judge_jobs, judge_spool
from tests.torture.orphans import OrphanWatch
from tests.torture.stream import Ledger, Task

SENT = Task(1, b"three words here\n")
GOOD = {
    "text.txt": SENT.content,
    "document.md": b"# Document: job-1.txt\n\n## Content\n\nthree words here\n",
}
COMPLETED = {"outcome": "completed", "accepted_at": "then"}


def _judged(
    attempts: list[dict[str, Any]], artifacts: dict[str, bytes], state: str = "completed"
) -> Score:
    job = {
        "job_id": "j1",
        "state": state,
        "code": None,
        "message": None,
        "attempts": attempts,
        "artifacts": [{"name": name} for name in artifacts],
    }

    def answer(request: httpx.Request) -> httpx.Response:
        path = request.url.path
        if path == "/v1/jobs":
            return httpx.Response(200, json={"jobs": [job], "next": None})
        name = path.rpartition("/artifacts/")[2]
        if name in artifacts:
            return httpx.Response(200, content=artifacts[name])
        return httpx.Response(200, json=job)

    score = Score("trial")
    transport = httpx.MockTransport(answer)
    with httpx.Client(base_url="http://server", transport=transport) as client:
        judge_jobs(score, client, Ledger({"j1": SENT}))
    return score


def test_a_job_that_was_done_once_and_well_is_clean() -> None:
    offered = {"outcome": "lost", "accepted_at": None}

    assert _judged([offered, COMPLETED], GOOD).is_clean


@pytest.mark.parametrize(
    ("score", "found"),
    [
        (lambda: _judged([COMPLETED], GOOD, state="failed"), "lost"),
        (lambda: _judged([COMPLETED], GOOD, state="queued"), "lost"),
        (lambda: _judged([COMPLETED], GOOD | {"text.txt": b"three words her\n"}), "lost"),
        (lambda: _judged([COMPLETED], {"text.txt": SENT.content}), "lost"),
        (lambda: _judged([COMPLETED, COMPLETED], GOOD), "doubled"),
        (lambda: _judged([COMPLETED | {"outcome": "lost"}, COMPLETED], GOOD), "broken"),
    ],
)
def test_what_went_wrong_is_told(score: Callable[[], Score], found: str) -> None:
    assert len(getattr(score(), found)) == 1


def test_what_is_left_in_a_spool_is_told(tmp_path: Path) -> None:
    (tmp_path / "held" / "a-job").mkdir(parents=True)
    score = Score("trial")

    judge_spool(score, tmp_path)

    assert len(score.broken) == 1


def test_a_process_without_its_parent_is_an_orphan(tmp_path: Path) -> None:
    environ = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    with subprocess.Popen(["sleep", "60"], env=environ) as process:
        cared_for, alone = (OrphanWatch(tmp_path, most=0.1) for _ in range(2))

        cared_for.look({os.getpid()})
        alone.look_until_sure()

        assert not cared_for.found
        assert [orphan.pid for orphan in alone.found] == [process.pid]
        process.kill()
