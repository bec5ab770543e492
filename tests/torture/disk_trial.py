"""One call on the spool goes wrong, and what comes after it."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import httpx

from agent.cli.exit_codes import ExitCode
from agent.wire.jobs import ENDED
from tests.torture.den import Den, serve_impatiently
from tests.torture.injector import CHILD_WRITE, Action, DiskFault
from tests.torture.judge import Score, judge_job, judge_logs, judge_spool
from tests.torture.nursery import Born, wait_until
from tests.torture.orphans import OrphanWatch
from tests.torture.stream import Ledger, Task, job_at, send

SHORT = 10.0
"""Seconds that an agent has for finishing the job itself after its disk has failed once."""

HOPELESS = 2.0
"""The same where no job can be finished."""


class Life(StrEnum):
    FRESH = "fresh"
    RESUMED = "resumed"
    """An earlier start was killed while it computed."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to go wrong, and in whose life."""

    life: Life
    kind: str
    number: int
    action: Action


class Lane:
    """One server, and trial after trial on it: each with an agent, a spool and a job of its own."""

    def __init__(self, den: Den, score: Score) -> None:
        self._den = den
        self._score = score
        self._server = den.serve(serve_impatiently)
        self._client = den.client()
        self._number = 0
        self._watch = OrphanWatch(den.folder)

    def close(self) -> None:
        self._client.close()
        self._server.terminate()
        self._watch.look_until_sure()
        self._score.orphans += self._watch.found.values()

    def dry_run(self, life: Life) -> Counter[str]:
        """How many calls of each kind there are from the start of an agent to its end."""
        fault = self._fault("", 0, Action.KILL_BEFORE)
        job_id, _ = self._job(life)
        self._until_told(self._den.agent(self._name, level="info", fault=fault), job_id)
        return fault.noted()

    def trial(self, wish: Wish) -> None:
        self._number += 1
        self._score.trials += 1
        self._score.jobs += 1
        fault = self._fault(wish.kind, wish.number, wish.action)
        found = Score(f"{wish.life} job, {fault}")
        try:
            job_id, sent = self._job(wish.life)
            struck = self._den.agent(self._name, level="info", fault=fault)
            self._until_told(struck, job_id, HOPELESS if wish.action is Action.FULL else SHORT)
            self._score.where[_judge_end(found, struck, fault)] += 1
            self._recover(found, struck, job_id, sent)
        except (AssertionError, httpx.HTTPError) as error:
            found.broken.append(f"{type(error).__name__}: {error}")
        self._watch.look({self._server.pid})
        self._score.take(found)

    @property
    def _name(self) -> str:
        return f"agent-{self._number}"

    def _fault(self, kind: str, number: int, action: Action) -> DiskFault:
        notes = self._den.folder / f"{self._name}.calls"
        return DiskFault(self._den.spool(self._name), notes, kind, number, action)

    def _job(self, life: Life) -> tuple[str, Task]:
        sent = Task(self._number, f"the words of job {self._number}\n".encode())
        job_id = send(self._client, sent, Ledger())
        if life is Life.RESUMED:
            fault = self._fault(CHILD_WRITE, 1, Action.KILL_BEFORE)
            self._den.agent(self._name, level="info", fault=fault).end()
            fault.notes.unlink()
        return job_id, sent

    def _until_told(self, agent: Born, job_id: str, patience: float = SHORT) -> None:
        """Until the job has ended, or the agent has; then the agent has to end, too."""
        try:
            wait_until(
                "an end",
                lambda: (
                    not agent.is_alive
                    or (agent.events("job.ended") and self._state(job_id) in ENDED)
                ),
                patience=patience,
            )
        except AssertionError:
            self._score.where["told to end before the job did"] += 1
        if agent.is_alive:
            agent.terminate()

    def _recover(self, found: Score, struck: Born, job_id: str, sent: Task) -> None:
        """With a healthy disk everything ends well."""
        plain = self._den.agent(self._name, level="info")
        wait_until("a hello", lambda: plain.events("hello.answered") or not plain.is_alive)
        try:
            wait_until(
                "the end of the job, and nothing left of it",
                lambda: not self._leftovers() and self._state(job_id) in ENDED,
                patience=30.0,
            )
        except AssertionError as error:
            found.broken.append(f"{error}: {struck.said()}\nand then {plain.said()}")
        code = plain.terminate()
        if code != 0:
            found.broken.append(f"afterwards it ended with {code}: {plain.said()}")
        judge_job(found, self._client, job_id, sent, allowed=("released",))
        judge_logs(found, [struck, plain])
        judge_spool(found, self._den.spool(self._name))

    def _leftovers(self) -> list[Path]:
        spool = self._den.spool(self._name)
        return [*(spool / "held").glob("*"), *(spool / "trash").glob("*")]

    def _state(self, job_id: str) -> str:
        return str(job_at(self._client, job_id)["state"])


def _judge_end(found: Score, struck: Born, fault: DiskFault) -> str:
    """What the fault did to the agent, in a word."""
    code, said = struck.end(), struck.said()
    if fault.noted()[fault.kind] < fault.number:
        return "not reached"
    if fault.action.is_kill:
        if code != -9:
            found.broken.append(f"it ended with {code} instead of being killed: {said}")
        return "killed"
    if "Traceback" in said:
        found.broken.append(f"a traceback for a person: {said}")
    if code == ExitCode.OK:
        return f"{fault.action} survived"
    if code not in _CLEAR or "error: " not in said:
        found.broken.append(f"no clear end ({code}): {said}")
    return f"{fault.action} ended with {code}"


_CLEAR: Sequence[int] = (ExitCode.DISK,)
