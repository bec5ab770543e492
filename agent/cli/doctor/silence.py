"""How long a silent request lives on the way to the server: polls for work are silent ones.

Silences of different lengths, all at once, each on a connection of its own. What says goodbye (a
proxy's 504, a reset) tells its limit to the second; what forgets without a word is known to lie
between the longest silence that lived and the shortest that did not.

A server without the extension can only be asked for less: whether an idle connection is still there
for a second request. That is often the server's own patience, so it judges nothing.
"""

import asyncio
from collections.abc import Sequence

from agent.cli.doctor.check import Finding, ok, unknown, warning
from agent.cli.doctor.route import Route
from agent.cli.exit_codes import root_of
from agent.edges.path_trial import NotOfferedError, Silence, idlings, silences
from agent.model.errors import ServerError
from agent.wire.base import MAX_POLL_WAIT, POLL_WAIT

LENGTHS = (5.0, 10.0, 20.0, 27.0, 35.0, 45.0, 55.0, 65.0, 80.0, 95.0, 110.0, 120.0)
_MARGIN = 1.0


def silence_finding(route: Route, lengths: Sequence[float] = LENGTHS) -> Finding:
    try:
        return judged(asyncio.run(silences(route.connection, lengths)))
    except ExceptionGroup as group:
        trouble = root_of(group)
        if isinstance(trouble, NotOfferedError):
            return _idle(route, lengths)
        if isinstance(trouble, ServerError):
            return unknown(f"cannot tell: {trouble}", "try again")
        raise


def _idle(route: Route, lengths: Sequence[float]) -> Finding:
    try:
        found = asyncio.run(idlings(route.idle_connection, lengths))
    except ExceptionGroup as group:
        return unknown(f"cannot tell: {root_of(group)}", "try again")
    lived = max((one.lived for one in found if not one.was_cut), default=0.0)
    seen = f"an idle connection lives for {lived:.0f} s at least"
    if cut := [one.lived for one in found if one.was_cut and one.lived > lived]:
        seen = f"an idle connection lives for {lived:.0f} s, and for {min(cut):.0f} s no more"
    return ok(f"{seen}; this server offers no trial of silent requests", idle_s=lived)


def judged(found: Sequence[Silence], poll: float = POLL_WAIT) -> Finding:
    """`poll` is how long a poll is silent."""
    cuts = [one for one in found if one.was_cut]
    if not cuts:
        lived = max(one.lived for one in found)
        seen = f"a silent request lives for {lived:.0f} s at least; polls take {poll:.0f}"
        return ok(seen, lived_s=lived)
    first = min(cuts, key=lambda one: one.lived)
    lived = _safe(found, first)
    where = (
        f"between {lived:.0f} and {first.lived:.0f} s"
        if first.is_forgotten
        else f"after {lived:.0f} s"
    )
    seen = f"a silent request is cut {where} ({first.reason})"
    numbers = {"lived_s": round(lived, 1), "cut_s": round(first.lived, 1)}
    if lived < poll + _MARGIN:
        advice = (
            f"polls are silent for {poll:.0f} s: raise the limit of the proxy on the way (nginx:"
            " proxy_read_timeout), or lower the server's poll wait"
        )
        return warning(seen, advice, **numbers)
    if lived < MAX_POLL_WAIT:
        return ok(f"{seen}; polls of {poll:.0f} s fit, of {MAX_POLL_WAIT:.0f} s not", **numbers)
    return ok(f"{seen}; every poll fits", **numbers)


def _safe(found: Sequence[Silence], first: Silence) -> float:
    """What is sure to live; who cuts with a word tells it to the second."""
    if not first.is_forgotten:
        return first.lived
    return max(
        (one.lived for one in found if not one.was_cut and one.lived < first.lived), default=0.0
    )
