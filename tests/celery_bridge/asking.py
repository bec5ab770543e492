"""A caller that sends tasks, and an agent that does them when the test says so."""

import asyncio
from collections.abc import Callable
from typing import Any

from celery.result import AsyncResult

from tests.celery_bridge.yard import Yard
from tests.server.world import AgentSide

DOCUMENT = (
    b"# Document: a.txt\n\n## Document Information\n\n- **Document Type**: Plain Text\n\n"
    b"## Content\n\nsome words of the file\n"
)


def send(yard: Yard, *args: object, name: str = "remote.process_file", **more: Any) -> AsyncResult:
    """The way that MoRAG sends a task that it has no code of."""
    return yard.app.send_task(name, args=args, **({"queue": "gpu_fallback"} | more))


async def until(is_true: Callable[[], object], what: str, patience: float = 20.0) -> None:
    try:
        async with asyncio.timeout(patience):
            while not await asyncio.to_thread(is_true):
                await asyncio.sleep(0.05)
    except TimeoutError:
        raise AssertionError(f"not within {patience:g} s: {what}") from None


async def result_of(task: AsyncResult) -> dict[str, Any]:
    await until(task.ready, f"the result of {task.id}")
    found: dict[str, Any] = task.result
    return found


async def take(agent: AgentSide) -> Any:
    offer = (await agent.poll(wait_s=15))["offer"]
    assert offer is not None
    assert (await agent.renew(offer["lease_id"])).status_code == 200
    return offer


async def finish(agent: AgentSide, offer: Any) -> None:
    done = await agent.finish(offer["lease_id"], **{"document.md": DOCUMENT})
    assert done.status_code == 200, done.text
