"""Runs the checks beside each other where that is harmless, each no longer than its deadline.

                 lane of its own ── look ─────────────┐
    checks ──┬── lane "gpu" ─────── look ── look ─────┼──> results, in the order of the checks
             └── lane "network" ─── look ── look ─────┘
                 (and then the same again with those that want quiet)

A check that hangs is left behind in its daemon thread: a broken driver does not even let a process
be ended, so nothing here waits for it.
"""

import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from queue import SimpleQueue
from typing import Protocol, TypeAlias

from agent.cli.doctor.check import BESIDE_ALL, Check, Finding, Result, error, unknown
from agent.model.errors import AgentError


class Watch(Protocol):
    def began(self, check: Check) -> None: ...

    def ended(self, result: Result) -> None: ...


_News: TypeAlias = Check | Result


def examine(checks: Sequence[Check], watch: Watch) -> list[Result]:
    found: dict[Check, Result] = {}
    for wants_quiet in (False, True):
        act = [check for check in checks if check.wants_quiet is wants_quiet]
        for result in _all_of(act, watch):
            found[result.check] = result
    return [found[check] for check in checks]


def _all_of(checks: Sequence[Check], watch: Watch) -> Iterator[Result]:
    news: SimpleQueue[_News] = SimpleQueue()
    for lane in _lanes(checks):
        threading.Thread(target=_walk, args=(lane, news), daemon=True).start()
    left = len(checks)
    while left:
        match news.get():
            case Check() as check:
                watch.began(check)
            case Result() as result:
                left -= 1
                watch.ended(result)
                yield result


def _lanes(checks: Iterable[Check]) -> list[list[Check]]:
    lanes: dict[str, list[Check]] = {}
    alone = count()
    for check in checks:
        name = f"{next(alone)}" if check.lane == BESIDE_ALL else check.lane
        lanes.setdefault(name, []).append(check)
    return list(lanes.values())


def _walk(lane: Sequence[Check], news: "SimpleQueue[_News]") -> None:
    for check in lane:
        news.put(check)
        begun = time.monotonic()
        finding = _looked(check)
        news.put(Result(check, finding, time.monotonic() - begun))


def _looked(check: Check) -> Finding:
    answer: list[Finding] = []
    thread = threading.Thread(target=lambda: answer.append(_outcome(check)), daemon=True)
    thread.start()
    thread.join(check.deadline)
    if not answer:
        return unknown(f"no answer within {check.deadline:g} s", check.when_silent)
    return answer[0]


def _outcome(check: Check) -> Finding:
    try:
        return check.look()
    except (AgentError, OSError) as trouble:
        return unknown(f"it could not be looked at ({trouble})", check.when_silent)
    except Exception as bug:
        # One broken check must not hide what the others find.
        told = f"a bug of this check, {type(bug).__name__}: {bug}"
        return error(told, "report it, with what --json says")
