"""`run`: the agent at work, until it is drained, stopped or has done enough."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable

from agent.cli.exit_codes import ExitCode
from agent.compose.agent import AtWork, agent_of
from agent.config import LiveSettings, Loaded, Settings, agent_token_if_any
from agent.edges.display import display_on
from agent.edges.job_logs import JobLogs
from agent.edges.logs import set_up
from agent.ports import Display
from agent.runtime.agent import LeaveNowError


def run(loaded: Loaded, read: Callable[[], Loaded]) -> int:
    """`read` looks at the settings again."""
    live = LiveSettings(loaded, read)
    _log_as(live.current)
    live.on_change(_log_as)
    is_terminal = sys.stderr.isatty() and live.current.log_format != "json"
    with display_on(is_terminal=is_terminal) as display, asyncio.Runner() as runner:
        try:
            runner.run(_work(live, display))
        except* LeaveNowError:
            # No wait for threads that still write: that is what "now" means.
            os._exit(ExitCode.INTERRUPTED)
    return ExitCode.OK


def _log_as(settings: Settings) -> None:
    token = agent_token_if_any(settings)
    set_up(
        level=settings.log_level,
        form=settings.log_format,
        file=settings.log_file,
        secrets=[] if token is None else [token.get_secret_value()],
        by_job=JobLogs(settings.spool),
        environ=os.environ,
    )


async def _work(live: LiveSettings, display: Display) -> None:
    async with agent_of(live, os.environ, display, _end_wedged) as at_work:
        _listen(at_work)
        await at_work.agent.run()


def _end_wedged() -> None:
    # Nothing of the loop can be trusted to end in order; the children's guards see us go.
    os._exit(ExitCode.WEDGED)


def _listen(at_work: AtWork) -> None:
    loop = asyncio.get_running_loop()
    agent = at_work.agent
    loop.add_signal_handler(signal.SIGINT, agent.on_interrupt)
    loop.add_signal_handler(signal.SIGTERM, agent.on_terminate)
    had_terminal = _has_terminal()

    def on_hangup() -> None:
        # The same signal says "read your settings again" and "your terminal is gone".
        if had_terminal and not _has_terminal():
            _speak_to_nobody()
            agent.on_terminate()
        else:
            at_work.rereading.ask()

    loop.add_signal_handler(signal.SIGHUP, on_hangup)


def _speak_to_nobody() -> None:
    """Every write to a terminal that is gone would be an error."""
    nobody = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(nobody, stream.fileno())
    os.close(nobody)


def _has_terminal() -> bool:
    try:
        os.close(os.open("/dev/tty", os.O_RDONLY | os.O_NOCTTY))
    except OSError:
        return False
    return True
