"""A whole job of type `text` on an idle agent: from submitting it to `completed`."""

import time
from pathlib import Path

from tests.benchmarks.report import Figure, median
from tests.end_to_end.house import House, house_in, wait_until

JOBS = 40
BAR_MS = 100.0


def measure(folder: Path) -> list[Figure]:
    with house_in(folder) as house:
        house.serve()
        house.agent("attic", "--log-level", "info")
        house.ended(house.create_job(b"the first one warms everything\n"))
        times = [_one(house) for _ in range(JOBS)]
    return [
        Figure("text job, submit to completed, median", median(times), BAR_MS, "ms", "bar"),
        Figure("… fastest", min(times), BAR_MS, "ms", "bar"),
    ]


def _one(house: House) -> float:
    time.sleep(0.05)
    with house.client() as client:
        client.get("/healthz")
        started = time.monotonic()
        job_id = house.create_job(b"a few words\n", client=client)
        wait_until(
            lambda: client.get(f"/v1/jobs/{job_id}").json()["state"] == "completed",
            "a completed job",
            pause=0.01,  # asked more often, the asking itself would be what is measured
        )
        return (time.monotonic() - started) * 1000
