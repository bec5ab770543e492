"""The stand-in as a process of its own: it says its address, and ends when it is told to.

    python -m tests.fakes.morag --folder DIR --manners '{"ranges": false}' \
        --weather '[{"fault": "AnswerLost", "call": "result", "chance": 0.3}]' --seed 7

Killed and started again, it has the same jobs. `Books.of(folder)` says from outside what it did.
"""

import asyncio
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from tests.fakes.morag.app import StandIn
from tests.fakes.morag.manners import Manners
from tests.fakes.morag.online import online
from tests.fakes.morag.weather import FAULTS, Rule, Weather


def main() -> None:
    parser = ArgumentParser(prog="python -m tests.fakes.morag", description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--manners", type=json.loads, default={})
    parser.add_argument("--weather", type=json.loads, default=[])
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    weather = Weather([_rule(**each) for each in given.weather], given.seed)
    stand_in = StandIn(Manners(**given.manners), weather, given.folder)
    asyncio.run(_serve(stand_in, given.port))


def _rule(fault: str, *, on: tuple[int, ...] = (), **more: Any) -> Rule:
    """What is not of the rule is of the fault."""
    of_rule = {name: more.pop(name) for name in ("call", "chance") if name in more}
    return Rule(FAULTS[fault](**more), on=frozenset(on), **of_rule)


async def _serve(stand_in: StandIn, port: int) -> None:
    async with online(stand_in, port) as address:
        print(address, flush=True)
        await asyncio.Event().wait()


if __name__ == "__main__":
    main()
