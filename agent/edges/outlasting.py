"""Work that a cancellation has to wait for."""

import asyncio
from collections.abc import Coroutine


async def outlasting_cancellation(work: Coroutine[None, None, None]) -> None:
    """Do `work` to its end, and only then be cancelled."""
    task = asyncio.create_task(work)
    cancelled: asyncio.CancelledError | None = None
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is not None:
        raise cancelled
