"""The server is killed with -9 again and again, under clients and agents that go on."""

import time
from pathlib import Path
from random import Random

from agent.cli import main
from tests.torture.den import den_in
from tests.torture.judge import Score, judge_jobs, judge_logs, judge_spool
from tests.torture.moments import Ear, Moment, wait_for
from tests.torture.nursery import Born, by_exec
from tests.torture.orphans import OrphanWatch
from tests.torture.stream import Stream, wait_for_the_end

AGENTS = ("attic", "cellar")
MOMENTS = (
    Moment(None, 0.8),
    Moment("stage.entered", 0.06, "uploading"),
    Moment(None, 0.08),
    Moment("offer.received", 0.06),
    Moment(None, 0.8),
    Moment("stage.entered", 0.03, "uploading"),
)


def torture(folder: Path, kills: int, seed: int) -> Score:
    score, rng, began = Score("server killed"), Random(seed), time.monotonic()
    with den_in(folder) as den, den.client() as client:
        server = den.serve()
        watch = OrphanWatch(folder)
        agents = [den.agent(name, level="debug") for name in AGENTS]
        ears = [Ear(agent) for agent in agents]
        with Stream(den, Random(seed)) as stream:
            while score.trials < kills:
                for ear in ears:
                    ear.skip()
                wait_for(MOMENTS[score.trials % len(MOMENTS)], ears, rng, lambda _: None)
                server.kill()
                score.trials += 1
                # From the command line itself now and then: all else is forked, which is quicker.
                server = den.serve(main if score.trials % 5 else by_exec)
                watch.look({server.pid, *(agent.pid for agent in agents)})
        # Some wait minutes before they try to deliver again, as they should: a start does so now.
        _end(agents, score)
        agents += [den.agent(name, level="debug") for name in AGENTS]
        wait_for_the_end(client, stream.ledger)
        _end(agents[-len(AGENTS) :], score)
        for name in AGENTS:
            judge_spool(score, den.spool(name))
        judge_jobs(score, client, stream.ledger, allowed=("released",))
        judge_logs(score, agents)
        for agent in agents:
            score.where.update(
                record["event"]
                for record in agent.events()
                if record["event"].endswith((".postponed", ".interrupted", "_failed", ".lost"))
            )
        for ear in ears:
            ear.close()
        server.terminate()
        watch.look_until_sure()
        score.orphans += watch.found.values()
    score.seconds = time.monotonic() - began
    return score


def _end(agents: list[Born], score: Score) -> None:
    for agent in agents:
        code = agent.terminate()
        if code != 0:
            score.broken.append(f"{agent.output.name} ended with {code}:\n{agent.said()}")
