"""One question to the server, from a check that knows of no event loop."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeAlias, TypeVar

from agent.edges.http import Connection

T = TypeVar("T")
Question: TypeAlias = Callable[[Connection], Awaitable[T]]


def asked(connection: Connection, question: Question[T]) -> T:
    """The connection is closed again."""

    async def ask() -> T:
        try:
            return await question(connection)
        finally:
            await connection.close()

    return asyncio.run(ask())
