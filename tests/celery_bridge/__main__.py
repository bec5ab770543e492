"""`make celery`: the storm with as many tasks as one likes; ends with 1 if anything is wrong."""

import argparse
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.celery_bridge.rabbit import rabbit_in
from tests.celery_bridge.storm import Outcome, storm
from tests.celery_bridge.yard import yard_in


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.celery_bridge", description=__doc__)
    parser.add_argument("--tasks", type=int, default=200)
    parser.add_argument("--rabbitmq", action="store_true", help="as the broker, instead of Redis")
    asked = parser.parse_args()
    count = asked.tasks
    with TemporaryDirectory() as folder, ExitStack() as running:
        broker = running.enter_context(rabbit_in(Path(folder) / "r")) if asked.rabbitmq else None
        yard = running.enter_context(yard_in(Path(folder), broker=broker))
        outcome = storm(yard, count, patience=600.0)
    for sentence in _sentences(outcome):
        print(sentence)
    is_right = (
        all(result["success"] for result in outcome.results.values())
        and all(words in result["content"] for words, result in outcome.results.items())
        and outcome.stored == {1: count}
        and outcome.completions == {1: count}
        and not outcome.left
    )
    print("as it should be" if is_right else "WRONG")
    return 0 if is_right else 1


def _sentences(outcome: Outcome) -> Iterator[str]:
    good = sum(result["success"] for result in outcome.results.values())
    stored = ", ".join(f"{tasks} tasks {times}x" for times, tasks in outcome.stored.items())
    completed = ", ".join(f"{jobs} jobs {times}x" for times, jobs in outcome.completions.items())
    yield f"{len(outcome.results)} tasks in {outcome.seconds:.0f} s"
    yield "bridge, agent and server were each killed once"
    yield f"good results: {good}; stored: {stored}; completed: {completed}"
    yield f"messages left: {outcome.left}"


if __name__ == "__main__":
    sys.exit(main())
