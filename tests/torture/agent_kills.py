"""The agent is killed with -9 again and again, in every phase of its life and of its jobs'."""

import time
from pathlib import Path
from random import Random

from agent.cli import main
from tests.torture.den import Den, den_in
from tests.torture.judge import Score, given_up, judge_jobs, judge_logs, judge_spool
from tests.torture.moments import Ear, Moment, Record, wait_for
from tests.torture.nursery import Born, by_exec
from tests.torture.orphans import OrphanWatch
from tests.torture.stream import Stream, wait_for_the_end

NAME = "attic"

MOMENTS = (
    Moment(None, 0.2),
    Moment("offer.received", 0.03),
    Moment("stage.entered", 0.05, "uploading"),
    Moment("agent.started", 0.2),
    Moment("lease.accepted", 0.03),
    Moment("job.completed", 0.006),
    Moment("agent.started", 1.2),
    Moment("stage.entered", 0.01, "queued"),
    Moment("job.ended", 0.01),
    Moment("hello.answered", 0.03),
    Moment("stage.entered", 0.05, "processing"),
    Moment("stage.entered", 0.02, "uploading"),
    Moment("job.resumed", 0.05),
)
"""Each in turn. Every third lets a job get on: one that is cut off in too many computations is
given up, and rightly so."""

_PLACES = {
    "agent.started": "saying hello",
    "hello.answered": "waiting for work",
    "job.resumed": "resuming",
    "offer.received": "accepting",
    "lease.accepted": "downloading",
    "job.completed": "removing",
    "job.ended": "between two jobs",
}
"""What an agent is at after the last thing that it said."""
STARTING = "starting"
PHASES = {STARTING, "queued", "processing", "uploading", *_PLACES.values()}


def torture(folder: Path, kills: int, seed: int) -> Score:
    score, rng, began = Score("agent killed"), Random(seed), time.monotonic()
    with den_in(folder) as den, den.client() as client:
        server = den.serve()
        watch = OrphanWatch(folder)
        agents: list[Born] = []
        with Stream(den, Random(seed)) as stream:
            while score.trials < kills:
                # From the command line itself now and then: all else is forked, which is quicker.
                entry = main if score.trials % 5 else by_exec
                agent = den.agent(NAME, level="debug", entry=entry)
                agents.append(agent)
                moment = MOMENTS[score.trials % len(MOMENTS)]
                score.where[_killed_at(agent, moment, rng)] += 1
                score.trials += 1
                watch.look({server.pid})
        agents.append(den.agent(NAME, level="debug"))
        wait_for_the_end(client, stream.ledger)
        _end(den, agents[-1], score)
        judge_logs(score, agents)
        judge_jobs(score, client, stream.ledger, once_given_up=given_up(agents))
        server.terminate()
        watch.look_until_sure()
        score.orphans += watch.found.values()
    score.seconds = time.monotonic() - began
    return score


def _killed_at(agent: Born, moment: Moment, rng: Random) -> str:
    """Where it was: at what comes after the last thing that it said."""
    ear, places = Ear(agent), [STARTING]

    def hear(record: Record) -> None:
        places.extend(place for place in [_place(record)] if place)

    wait_for(moment, [ear], rng, hear)
    assert agent.is_alive, agent.said()
    agent.kill()
    for record in ear.news():
        hear(record)
    ear.close()
    return places[-1]


def _place(record: Record) -> str | None:
    event = str(record["event"])
    return str(record["stage"]) if event == "stage.entered" else _PLACES.get(event)


def _end(den: Den, agent: Born, score: Score) -> None:
    """What the last agent leaves behind when it is asked to go."""
    code = agent.terminate()
    if code != 0:
        score.broken.append(f"the last agent ended with {code}:\n{agent.said()}")
    judge_spool(score, den.spool(NAME), given_up(den.nursery.born))
