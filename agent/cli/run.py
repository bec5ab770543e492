"""`run`: the agent at work, until it is drained, stopped or has done enough."""

import asyncio
import os
import signal
import sys

from agent.cli.exit_codes import ExitCode
from agent.compose import agent_of
from agent.config import Settings, agent_token
from agent.edges.display import display_on
from agent.edges.logs import set_up
from agent.ports import Display
from agent.runtime.agent import Agent, LeaveNowError


def run(settings: Settings) -> int:
    token = agent_token(settings).get_secret_value()
    set_up(
        level=settings.log_level,
        form=settings.log_format,
        file=settings.log_file,
        secrets=[token],
        environ=os.environ,
    )
    is_terminal = sys.stderr.isatty() and settings.log_format != "json"
    with display_on(is_terminal=is_terminal) as display, asyncio.Runner() as runner:
        try:
            runner.run(_work(settings, display))
        except* LeaveNowError:
            # No wait for threads that still write: that is what "now" means.
            os._exit(ExitCode.INTERRUPTED)
    return ExitCode.OK


async def _work(settings: Settings, display: Display) -> None:
    async with agent_of(settings, os.environ, display, _end_wedged) as agent:
        _listen(agent)
        await agent.run()


def _end_wedged() -> None:
    # Nothing of the loop can be trusted to end in order; the children's guards see us go.
    os._exit(ExitCode.WEDGED)


def _listen(agent: Agent) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, agent.on_interrupt)
    loop.add_signal_handler(signal.SIGTERM, agent.on_terminate)
