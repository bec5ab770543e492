"""What `doctor` asks the server, without disturbing an agent that runs under the same name."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial

from agent.cli.doctor import morag
from agent.cli.doctor.asking import FAR, Question, asked, date_in, timed
from agent.cli.doctor.check import (
    Check,
    Finding,
    Group,
    Measured,
    error,
    not_applicable,
    ok,
    unknown,
    warning,
)
from agent.cli.doctor.route import Route
from agent.cli.doctor.silence import LENGTHS, silence_finding
from agent.config import agent_token
from agent.edges import path_trial
from agent.edges.greeting import speaks_ours
from agent.edges.http import Connection
from agent.edges.jobs_client import JobsClient
from agent.edges.path_trial import NotOfferedError, Ranges, Rate
from agent.model.errors import (
    ConfigError,
    CredentialsRefusedError,
    NewerBootError,
    ServerError,
    UnknownAgentError,
)
from agent.wire import routes
from agent.wire.agents import Poll
from agent.wire.base import BOOT_HEADER

MOST_SKEW = 60.0
"""Seconds; the protocol does without common clocks, certificates and signed addresses do not."""
_ALIKE = 2.0
"""The header tells whole seconds, and servers write it once a second."""
_SLOW = 10**5
"""Bytes per second: an hour of speech takes minutes to arrive."""
_MB = 10**6


def server_checks(route: Route, *, is_thorough: bool) -> Iterator[Check]:
    yield route.step(Group.SERVER, "server", server_finding)
    yield route.step(Group.SERVER, "clock", clock_finding)
    yield route.step(Group.SERVER, "access", access_finding)
    yield route.step(Group.SERVER, "ranges", ranges_finding)
    if is_thorough:
        quiet = partial(route.step, Group.SERVER, wants_quiet=True)
        yield quiet("download", download_finding, deadline=150.0, lane="measuring")
        yield quiet("upload", upload_finding, deadline=150.0, lane="measuring")
        yield quiet("silence", silence_finding, deadline=max(LENGTHS) + 30.0, lane="silence")
        return
    for name in ("download", "upload", "silence"):
        yield Check(group=Group.SERVER, name=name, look=_takes_long)


def _takes_long() -> Finding:
    return not_applicable("measured by doctor --thorough")


def server_finding(route: Route) -> Finding:
    try:
        route.dialect = _dialect(route)
        if route.is_morag:
            return morag.server_finding(route)
        health, version, took = asked(route.connection(), _greeted)
    except ServerError as trouble:
        advice = "start the server, or set --server-url right"
        return error(f"{route.url}: {trouble}", advice)
    seen = f"{route.url}, version {health}, answers in {took * 1000:.0f} ms over {version}"
    numbers: dict[str, Measured] = {"latency_s": round(took, 4), "http": version, "version": health}
    if took > FAR:
        return warning(seen, "the line or the server is slow; jobs work, but start late", **numbers)
    return ok(seen, **numbers)


def _dialect(route: Route) -> str:
    if route.settings.server_dialect != "auto":
        return route.settings.server_dialect
    return "native" if asked(route.connection(), speaks_ours) else "morag"


async def _greeted(connection: Connection) -> tuple[str, str, float]:
    """Its version, HTTP's version, and the middle of several times that an answer took."""
    health = await JobsClient(connection).health()

    async def ask() -> str:
        async with connection.stream("GET", connection.at(routes.HEALTH)) as answer:
            await answer.aread()
            return answer.http_version

    version, took = await timed(ask)
    return health.version, version, took


def clock_finding(route: Route) -> Finding:
    date = asked(route.connection(), morag.date if route.is_morag else _date)
    if date is None:
        return unknown("the server does not tell its time")
    skew = (date - datetime.now(UTC)).total_seconds()
    seen = f"the server's clock is {skew:+.0f} s from ours"
    if abs(skew) < _ALIKE:
        return ok("the server's clock and ours agree to the second", skew_s=round(skew, 1))
    if abs(skew) > MOST_SKEW:
        advice = (
            "set the clocks right (NTP): jobs do without, certificates and signed addresses do not"
        )
        return warning(seen, advice, skew_s=skew)
    return ok(seen, skew_s=round(skew, 1))


async def _date(connection: Connection) -> datetime | None:
    return date_in((await connection.call("GET", connection.at(routes.HEALTH))).headers)


def access_finding(route: Route) -> Finding:
    if route.is_morag:
        return morag.access_finding(route)
    settings = route.settings
    try:
        route.use(agent_token(settings).get_secret_value())
    except ConfigError as trouble:
        return error("there is no token to try", str(trouble).partition(": ")[2] or "see `token`")
    try:
        asked(route.connection(), partial(_poll, agent_id=settings.agent_id))
    except (UnknownAgentError, NewerBootError):
        pass
    except CredentialsRefusedError as trouble:
        make = f"python -m agent token create --agent {settings.agent_id} --out FILE"
        seen = f"the token is refused for {settings.agent_id}: {trouble}"
        return error(seen, f"make one at the server: {make}")
    except ServerError as trouble:
        return unknown(f"cannot tell: {trouble}", "try again")
    return ok(f"the token is accepted for {settings.agent_id}")


async def _poll(connection: Connection, agent_id: str) -> None:
    """Of a boot that never said hello: refused before it can touch the one that did."""
    boot_id = f"doctor-{uuid.uuid4().hex}"
    poll = Poll(boot_id=boot_id, request_id=boot_id, wait_s=0, free_slots=0)
    url = connection.at(routes.fill(routes.POLL, agent_id=agent_id))
    await connection.call("POST", url, json=poll, headers={BOOT_HEADER: boot_id})


def ranges_finding(route: Route) -> Finding:
    if route.is_morag:
        return morag.ranges_finding()
    try:
        found = asked(route.connection(), path_trial.ranges)
    except NotOfferedError:
        return not_applicable("this server offers no trials; the first job will show")
    except ServerError as trouble:
        return unknown(f"cannot tell: {trouble}", "try again")
    match found:
        case Ranges.WORK:
            return ok("a part of a file comes as that part: cut downloads go on where they were")
        case Ranges.IGNORED:
            return warning(
                "the whole file comes where a part was asked for: cut downloads begin again",
                "see that no proxy on the way takes away the header Range",
            )
        case Ranges.UNTAGGED:
            return warning(
                "parts come without a strong ETag: cut downloads begin again",
                "see that no proxy on the way rewrites answers (compression makes tags weak)",
            )
        case Ranges.WRONG:
            return error(
                "other bytes come than were asked for: results would be computed from garbage",
                "find what on the way rewrites or caches answers, and switch that off",
            )


def download_finding(route: Route) -> Finding:
    return _rate(route, path_trial.download_rate, "comes")


def upload_finding(route: Route) -> Finding:
    return _rate(route, path_trial.upload_rate, "goes")


def _rate(route: Route, measure: Question[Rate], verb: str) -> Finding:
    try:
        rate = asked(route.connection(), measure)
    except NotOfferedError:
        return not_applicable("this server offers no trials")
    except ServerError as trouble:
        return warning(f"the trial broke off: {trouble}", "try again; large files may do the same")
    return rate_finding(rate, verb)


def rate_finding(rate: Rate, verb: str) -> Finding:
    seen = f"{rate.size / _MB:.0f} MB {verb} at {rate.per_second / _MB:.1f} MB/s"
    if rate.per_second < _SLOW:
        advice = "lower limits.max_file_size, or take work that is small (agent.content_types)"
        return warning(seen, advice, bytes_per_s=round(rate.per_second))
    return ok(seen, bytes_per_s=round(rate.per_second))
