"""Work that some news makes pointless."""

import asyncio
from collections.abc import Coroutine
from enum import Enum
from typing import Any, Final, Literal, TypeVar

T = TypeVar("T")


class Interrupted(Enum):
    """The news came first; the work was cancelled and has ended."""

    INTERRUPTED = "interrupted"


INTERRUPTED: Final = Interrupted.INTERRUPTED


async def first_of(
    work: Coroutine[Any, Any, T], news: Coroutine[Any, Any, object]
) -> T | Literal[Interrupted.INTERRUPTED]:
    """Do `work` unless `news` ends first. Both have ended when this returns.

    Work that ends in the same moment as the news counts as done: its result is never lost.
    """
    working, waiting = asyncio.create_task(work), asyncio.create_task(news)
    try:
        await asyncio.wait({working, waiting}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        working.cancel()
        waiting.cancel()
        await asyncio.wait({working, waiting})
    return INTERRUPTED if working.cancelled() else working.result()
