"""What the start does not need waits until the first poll is out."""

import asyncio

from agent.runtime.agent import Agent

AFTER_THE_FIRST_POLL = 0.05


async def after_the_first_poll(agent: Agent) -> None:
    """Children and imports compete for the processor with it."""
    await agent.introduced()
    await asyncio.sleep(AFTER_THE_FIRST_POLL)
