"""Questions to the server from checks that know of no event loop, and what answers tell of time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from statistics import median
from typing import TypeAlias, TypeVar

from agent.edges.http import Connection

FAR = 1.0
"""Seconds for an answer, above which line or server are slow."""
_ASKED = 4
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


async def timed(question: Callable[[], Awaitable[T]]) -> tuple[T, float]:
    """An answer, and the middle of several times that one took."""
    answer, times = await question(), []
    for _ in range(_ASKED):
        begun = time.monotonic()
        answer = await question()
        times.append(time.monotonic() - begun)
    return answer, median(times)


def date_in(headers: Mapping[str, str]) -> datetime | None:
    """What time it was there."""
    try:
        return parsedate_to_datetime(headers.get("date", ""))
    except ValueError:
        return None
