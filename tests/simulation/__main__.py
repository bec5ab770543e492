"""`python -m tests.simulation --seeds 20000`, or one of them again: `--seed 17 --trace`."""

import argparse
import os
import sys
import time

from tests.simulation.crowd import failures
from tests.simulation.morag import world as morag
from tests.simulation.world import run


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulation", description=__doc__)
    parser.add_argument("--seeds", type=int, default=2000, help="how many")
    parser.add_argument("--from", type=int, default=0, dest="first", help="the first of them")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="processes")
    parser.add_argument("--seed", type=int, help="this one only")
    parser.add_argument("--trace", action="store_true", help="tell all that happened")
    parser.add_argument("--morag", action="store_true", help="over a server without leases")
    asked = parser.parse_args()
    if asked.seed is not None:
        return _one(asked.seed, is_told=asked.trace, is_morag=asked.morag)
    began = time.monotonic()
    found = failures(
        range(asked.first, asked.first + asked.seeds), asked.jobs, is_morag=asked.morag
    )
    which = " --morag" if asked.morag else ""
    for seed, wrongs in found:
        print(f"seed {seed}: {'; '.join(wrongs)}")
        print(f"  again: python -m tests.simulation{which} --seed {seed} --trace")
    took = time.monotonic() - began
    print(
        f"{asked.seeds} seeds, {len(found)} failed, {took:.0f} s, {asked.seeds / took:.1f} a second"
    )
    return 1 if found else 0


def _one(seed: int, *, is_told: bool, is_morag: bool) -> int:
    verdict = (morag.run if is_morag else run)(seed, with_logs=is_told)
    if is_told:
        for when, who, what in verdict.trace:
            print(f"{when:12.3f} {who:10} {what}")
    print(f"seed {seed}: {dict(verdict.states)}, {len(verdict.trace)} events")
    for wrong in verdict.wrongs:
        print(wrong)
    return 1 if verdict.wrongs else 0


if __name__ == "__main__":
    sys.exit(main())
