"""Looks at the server, the spool and the process table, and says what went wrong."""

import json
import shutil
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from agent.core.job_life import MOST_COMPUTATIONS
from agent.edges.job_logs import FOLDER as LOGS
from tests.torture.nursery import Born
from tests.torture.stream import Ledger, Task, job_at, patiently

NEARLY_NOTHING = 64 * 1024
"""Bytes that an idle spool may hold."""


@dataclass
class Score:
    """What one campaign found. Everything that is listed is a failure."""

    name: str
    trials: int = 0
    jobs: int = 0
    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    orphans: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    """Anything else: a trial that went another way than promised."""
    seconds: float = 0.0
    where: Counter[str] = field(default_factory=Counter)
    """How many trials hit what."""

    @property
    def is_clean(self) -> bool:
        return not (self.lost or self.doubled or self.orphans or self.broken)

    def take(self, found: "Score") -> None:
        """Add what one trial found."""
        for ours, theirs in (
            (self.lost, found.lost),
            (self.doubled, found.doubled),
            (self.orphans, found.orphans),
            (self.broken, found.broken),
        ):
            ours.extend(f"{found.name}: {what}" for what in theirs)

    def row(self) -> str:
        counts = (self.trials, self.jobs, len(self.lost), len(self.doubled), len(self.orphans))
        cells = [self.name, *map(str, counts), str(len(self.broken)), f"{self.seconds:.0f} s"]
        return "| " + " | ".join(cells) + " |"

    def details(self) -> str:
        hit = ", ".join(f"{where} {count}" for where, count in self.where.most_common())
        found = {"lost": self.lost, "doubled": self.doubled, "orphans": self.orphans}
        lines = [f"{kind}: {what}" for kind, many in found.items() for what in many]
        return "\n".join([f"{self.name}: {hit}", *lines, *self.broken])


HEAD = (
    "| torture | trials | jobs | lost | doubled | orphans | broken | took |\n"
    "|---|---|---|---|---|---|---|---|"
)


def judge_jobs(
    score: Score,
    client: httpx.Client,
    ledger: Ledger,
    *,
    allowed: Collection[str] = (),
    once_given_up: Collection[str] = (),
) -> None:
    """Every job that was sent is completed once, with the right bytes, and no other job exists.

    `allowed`: outcomes that other attempts at a job may have had. `once_given_up`: the jobs that an
    earlier attempt may have failed, too.
    """
    score.jobs += len(ledger.tasks)
    for job_id, sent in ledger.tasks.items():
        more = {"failed"} if job_id in once_given_up else set()
        judge_job(score, client, job_id, sent, allowed={*allowed, *more})
    unknown = _all_ids(client) - ledger.tasks.keys()
    score.doubled += [f"{job_id} was never sent" for job_id in unknown]


def judge_job(
    score: Score, client: httpx.Client, job_id: str, sent: Task, allowed: Iterable[str] = ()
) -> None:
    """`allowed`: outcomes that other attempts at it may have had, if they were accepted."""
    job = job_at(client, job_id)
    what = f"{job['job_id']} ({sent.filename}, {len(sent.content)} bytes)"
    # An offer that nobody accepted was no attempt: nothing of it was begun.
    accepted = [attempt for attempt in job["attempts"] if attempt["accepted_at"]]
    outcomes = Counter(attempt["outcome"] for attempt in accepted)
    if job["state"] != "completed":
        score.lost.append(f"{what} is {job['state']}: {job['code']} {job['message']}")
    elif not sent.is_answered_by(_artifacts(client, job)):
        score.lost.append(f"{what} came back wrong")
    if outcomes["completed"] > 1:
        score.doubled.append(f"{what} has {outcomes['completed']} completed attempts")
    others = {str(outcome) for outcome in outcomes} - {*allowed, "completed"}
    if others:
        score.broken.append(f"{what} was tried in vain: {job['attempts']}")


def _artifacts(client: httpx.Client, job: dict[str, Any]) -> dict[str, bytes]:
    def content(name: str) -> bytes:
        return patiently(lambda: client.get(f"/v1/jobs/{job['job_id']}/artifacts/{name}")).content

    return {line["name"]: content(line["name"]) for line in job["artifacts"]}


def _all_ids(client: httpx.Client) -> set[str]:
    found: set[str] = set()
    query = {"limit": "200"}
    while True:
        page = patiently(lambda: client.get("/v1/jobs", params=query)).json()
        found |= {job["job_id"] for job in page["jobs"]}
        if not page["next"]:
            return found
        query["cursor"] = page["next"]


def judge_logs(score: Score, agents: Iterable[Born]) -> None:
    """No job was said to be completed twice, by any of the processes; none broke."""
    completed = Counter(
        record["job_id"] for agent in agents for record in agent.events("job.completed")
    )
    score.doubled += [
        f"{job_id} was delivered {n} times" for job_id, n in completed.items() if n > 1
    ]
    for agent in agents:
        broke = agent.events("job.broke")
        score.broken += [f"{agent.output.name}: {record}" for record in broke]


def given_up(agents: Iterable[Born]) -> set[str]:
    """The jobs of which so many computations were cut off that their agent gives them up."""
    cut_off: Counter[str] = Counter()
    for agent in agents:
        stages = {record["job_id"]: record["stage"] for record in agent.events("stage.entered")}
        cut_off.update(job_id for job_id, stage in stages.items() if stage == "processing")
    return {job_id for job_id, times in cut_off.items() if times >= MOST_COMPUTATIONS}


def judge_spool(score: Score, spool: Path, once_given_up: Collection[str] = ()) -> None:
    """Nothing is held, kept, set aside or left in the bin.

    `once_given_up`: an agent that was killed right after it had told so finds them lost, and
    rightly keeps them for a day.
    """
    for name in ("held", "kept", "aside", "trash"):
        for path in (spool / name).glob("*"):
            if name == "kept" and _job_in(path) in once_given_up:
                shutil.rmtree(path)
            else:
                score.broken.append(f"{spool.name}/{name}/{path.name} is left")
    files = (path for path in spool.rglob("*") if path.relative_to(spool).parts[0] != LOGS)
    used = sum(path.stat().st_size for path in files if path.is_file())
    if used > NEARLY_NOTHING:
        score.broken.append(f"{spool.name} still takes {used} bytes")


def _job_in(folder: Path) -> str:
    return str(json.loads((folder / "journal.json").read_text())["offer"]["job_id"])
