"""What `doctor` asks a MoRAG server as it is: never for a job, which it gives out once.

It is asked for the state of a job that there is not: whoever knows its jobs says so.
"""

import secrets
from datetime import datetime
from functools import partial

import httpx

from agent.cli.doctor.asking import FAR, asked, date_in, timed
from agent.cli.doctor.check import Finding, Measured, error, not_applicable, ok, unknown, warning
from agent.cli.doctor.route import Route
from agent.config import agent_token_if_any
from agent.edges.http import Connection, read_answer
from agent.edges.manner import KeyForm
from agent.edges.morag.problems import NOT_MOUNTED, refusal
from agent.model.errors import (
    ConfigError,
    CredentialsRefusedError,
    LeaseLostError,
    ServerError,
    ServerUnavailableError,
)
from agent.wire.morag import STATUS
from agent.wire.routes import fill

_HEALTH = "/health"
_FORMS: tuple[KeyForm, ...] = ("bearer", "api-key", "x-api-key")


def server_finding(route: Route) -> Finding:
    """Raises `ServerError` where nobody answers in a way that makes sense."""
    _use_token(route)
    try:
        answer, took = asked(route.connection(), _greeted)
    except ServerUnavailableError as trouble:
        if str(trouble) != NOT_MOUNTED:
            raise
        return _not_mounted(route)
    health = asked(route.connection(), _has_health)
    numbers: dict[str, Measured] = {
        "latency_s": round(took, 4),
        "http": answer.http_version,
        "dialect": "morag",
        "health": "yes" if health else "no",
    }
    what = (
        "its remote jobs are mounted"
        if _is_let_in(answer)
        else "it says nothing without the right key"
    )
    seen = (
        f"{route.url} is a MoRAG as it is, and answers in {took * 1000:.0f} ms over"
        f" {answer.http_version}; {what}; it has {'a' if health else 'no'} /health"
    )
    if took > FAR:
        advice = "the line or the server is slow; while MoRAG ingests, it answers nobody"
        return warning(seen, advice, **numbers)
    return ok(seen, **numbers)


def _use_token(route: Route) -> None:
    try:
        token = agent_token_if_any(route.settings)
    except ConfigError:
        return  # `token` tells of it.
    if token is not None:
        route.use(token.get_secret_value())


def _not_mounted(route: Route) -> Finding:
    is_sure = route.settings.server_dialect == "morag"
    also = "" if is_sure else ", and does not speak this agent's protocol either"
    return error(
        f"{route.url} answers, but has no remote jobs{also}",
        "mount them: MoRAG's newer versions do not by themselves (docs/morag.md); or set"
        " --server-url right",
    )


async def _greeted(connection: Connection) -> tuple[httpx.Response, float]:
    return await timed(partial(_stranger, connection))


async def _stranger(connection: Connection) -> httpx.Response:
    """The answer about a job that there is not. Raises `ServerError` for one that makes no sense.

    A key that is refused is no answer about jobs either, but not for this check to judge.
    """
    url = connection.at(fill(STATUS, job_id=f"doctor-{secrets.token_hex(8)}"))
    async with connection.stream("GET", url, stall=30.0) as answer:
        body = await read_answer(answer)
    try:
        if answer.is_success:
            raise ServerUnavailableError("it knows a job that nobody has made", answered=True)
        raise refusal(answer.status_code, answer.headers, body)
    except (LeaseLostError, CredentialsRefusedError):
        return answer


async def _has_health(connection: Connection) -> bool:
    async with connection.stream("GET", connection.at(_HEALTH), stall=30.0) as answer:
        return answer.is_success


async def date(connection: Connection) -> datetime | None:
    return date_in((await _stranger(connection)).headers)


def access_finding(route: Route) -> Finding:
    try:
        token = agent_token_if_any(route.settings)
    except ConfigError:
        return error("the token cannot be read", "see `token`")
    _use_token(route)
    try:
        return _access(route, has_token=token is not None)
    except ServerError as trouble:
        return unknown(f"cannot tell: {trouble}", "try again")


def _access(route: Route, *, has_token: bool) -> Finding:
    if _is_let_in(asked(route.connection(has_token=False), _stranger)):
        return ok("it asks for no key" + (", and is sent yours all the same" if has_token else ""))
    if not has_token:
        return error(
            "it asks for a key, and there is none",
            "put it into a file of its own (chmod 600) and name that with --token-file",
        )
    own = route.settings.server_key_form
    for form in (own, *(other for other in _FORMS if other != own)):
        if _is_let_in(asked(route.connection(key_form=form), _stranger)):
            return _accepted(form, own)
    return error("the key is refused in every form", "have the server's administrator give another")


def _accepted(form: KeyForm, own: KeyForm) -> Finding:
    if form == own:
        return ok(f"the key is accepted (server.key_form {own})")
    return error(
        f"the key is refused as {own}, and accepted as {form}", f"set server.key_form to {form}"
    )


def _is_let_in(answer: httpx.Response) -> bool:
    return answer.status_code not in {httpx.codes.UNAUTHORIZED, httpx.codes.FORBIDDEN}


def ranges_finding() -> Finding:
    return not_applicable("unknown until the first download: MoRAG gives out files of jobs only")
