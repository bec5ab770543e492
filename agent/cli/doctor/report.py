"""What programs read; `docs/doctor.md` promises its shape."""

import json
from collections.abc import Sequence

import agent
from agent.cli.doctor.check import Result, Verdict

FORM = 1
"""Raised when a member changes its meaning or goes; new members may come at any time."""
_WORST = (Verdict.ERROR, Verdict.WARNING, Verdict.UNKNOWN)


def as_json(results: Sequence[Result], took: float) -> str:
    told = {
        "form": FORM,
        "agent_version": agent.__version__,
        "verdict": _worst(results),
        "took_s": round(took, 3),
        "checks": [_one(result) for result in results],
    }
    return json.dumps(told, ensure_ascii=False, indent=2)


def _worst(results: Sequence[Result]) -> Verdict:
    found = {result.finding.verdict for result in results}
    return next((verdict for verdict in _WORST if verdict in found), Verdict.OK)


def _one(result: Result) -> dict[str, object]:
    finding = result.finding
    return {
        "group": result.check.group.lower(),
        "name": result.check.name,
        "verdict": finding.verdict,
        "seen": finding.seen,
        "advice": finding.advice,
        "measured": dict(finding.measured),
        "took_s": round(result.took, 3),
    }
