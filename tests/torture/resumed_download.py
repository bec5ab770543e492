"""The agent is killed in the middle of a download of 1 GB: only the rest is fetched again."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from agent.wire.jobs import ENDED
from tests.torture.den import Den, den_in
from tests.torture.judge import Score
from tests.torture.nursery import Born, by_exec, wait_until
from tests.torture.range_source import RangeSource
from tests.torture.stream import job_at, patiently

SIZE = 10**9
SLACK = 16 * 1024 * 1024
"""What may lie in the two kernels' buffers, and in a batch that was not yet written."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the job, and what it cost the source."""

    source: RangeSource
    job: dict[str, Any]
    written: tuple[int, ...]
    """Bytes on disk at each kill."""
    seconds: float


def torture(folder: Path, kills: int = 1) -> Outcome:
    began, source = time.monotonic(), RangeSource(SIZE)
    with den_in(folder) as den, source.served() as url, den.client() as client:
        den.serve()
        body = {
            "content_type": "text",
            "filename": "large.txt",
            "size": SIZE,
            "sha256": source.sha256(),
            "input_url": url,
        }
        job_id = patiently(lambda: client.post("/v1/jobs", json=body)).json()["job_id"]
        written = []
        for number in range(kills):
            agent = den.agent("attic", level="debug", entry=by_exec)
            written.append(_killed_at(den, agent, SIZE * (number + 1) // (kills + 1)))
        last = den.agent("attic", level="debug", entry=by_exec)

        wait_until(
            "the end of the job", lambda: job_at(client, job_id)["state"] in ENDED, pause=0.1
        )
        last.terminate()
        return Outcome(source, job_at(client, job_id), tuple(written), time.monotonic() - began)


def _killed_at(den: Den, agent: Born, size: int) -> int:
    """Kill it once so much of the input is on its disk; how much it then is."""

    def written() -> int:
        return sum(part.stat().st_size for part in den.spool("attic").glob("held/*/input.part"))

    wait_until(f"{size} bytes", lambda: written() >= size, pause=0.002)
    agent.kill()
    return written()


def score_of(outcome: Outcome) -> Score:
    """The text pipeline refuses a text of that size, but only sees it when its digest is right."""
    score = Score("killed in a 1 GB download", len(outcome.written), 1, seconds=outcome.seconds)
    score.where[f"bytes sent above the file's: {outcome.source.sent - SIZE}"] += 1
    if outcome.source.sent > SIZE + SLACK * len(outcome.written):
        score.doubled.append(f"{outcome.source.sent} bytes were sent for {SIZE}")
    if outcome.job["code"] != "too_large" or len(outcome.job["attempts"]) != 1:
        score.lost.append(f"the job ended otherwise: {outcome.job}")
    if outcome.source.starts != [0, *outcome.written]:
        score.broken.append(f"asked for {outcome.source.starts}, had {outcome.written}")
    return score
