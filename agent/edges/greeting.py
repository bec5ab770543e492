"""Tells a server of our protocol from others, without a word that could change anything there."""

from agent.edges.http import Connection, read_answer
from agent.edges.problems import is_problem
from agent.model.errors import ServerUnavailableError
from agent.wire import routes

KNOWS_NO_SUCH_PATH = frozenset({404, 405, 410})
LETS_NOBODY_THERE = frozenset({401, 403})
"""Said without a problem of ours: by a proxy that opens MoRAG's paths and no other."""


async def speaks_ours(connection: Connection) -> bool:
    """Does our protocol answer there. Raises `ServerUnavailableError` where nobody can tell.

    Asked for a path of ours that nobody may read without a token, a server of ours says so with a
    problem of its own; any other knows no such path.
    """
    async with connection.stream("GET", connection.at(routes.AGENTS), stall=30.0) as response:
        body = await read_answer(response)
        status = response.status_code
    if is_problem(status, body):
        return True
    if status in KNOWS_NO_SUCH_PATH | LETS_NOBODY_THERE or response.is_success:
        return response.is_success and body[:1] in {b"{", b"["}
    raise ServerUnavailableError(f"the server answered {status}", answered=True)
