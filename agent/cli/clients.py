"""Opens the conversation that `submit` and `jobs` have with the server."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from agent import __version__
from agent.cli.exit_codes import root_of
from agent.config import Settings, client_token
from agent.edges.http import Connection
from agent.edges.jobs_client import JobsClient
from agent.model.errors import CredentialsRefusedError, ServerError, ServerUnavailableError

Result = TypeVar("Result")


def with_client(settings: Settings, talk: Callable[[JobsClient], Awaitable[Result]]) -> Result:
    """What `talk` gives back; its errors say which server and what to do."""
    token = client_token(settings).get_secret_value()
    connection = Connection(
        settings.server_url, token, user_agent=f"morag-agent-client/{__version__}"
    )

    async def conversation() -> Result:
        try:
            return await talk(JobsClient(connection))
        finally:
            await connection.close()

    try:
        return asyncio.run(conversation())
    except (ServerError, ExceptionGroup) as error:
        raise _explained(settings.server_url, root_of(error)) from error


def _explained(server_url: str, error: BaseException) -> BaseException:
    match error:
        case ServerUnavailableError(answered=True):
            wait = f" in {error.retry_after:.0f} s" if error.retry_after else " later"
            return ServerUnavailableError(f"{server_url}: {error}; try again{wait}", answered=True)
        case ServerUnavailableError():
            return ServerUnavailableError(
                f"{server_url}: {error}; is the server running, and --server-url right?"
            )
        case CredentialsRefusedError():
            return CredentialsRefusedError(
                f"{server_url} refuses the token: {error}; submit and jobs need a client token"
                " (python -m agent token create --client --out FILE, then --token-file FILE)"
            )
        case _:
            return error
