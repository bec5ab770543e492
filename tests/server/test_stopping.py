"""The process is told to stop while the app is mounted in another, and polls are parked."""

import asyncio
import os
import signal
import sys
from pathlib import Path
from types import FrameType

import pytest

from agent.server.stopping import told_of_signals
from agent.server.tokens import TokenKind, create_token
from tests.server.sockets import caller, free_port, until_up
from tests.server.world import AgentSide

pytestmark = pytest.mark.real_time
ROOT = Path(__file__).parents[2]
PARENT = """
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI

from agent.server.app import create_app
from agent.server.settings import ServerSettings
from agent.server.stopping import told_of_signals

jobs = create_app(ServerSettings(folder=Path("data").absolute()))
server = jobs.state.server


@asynccontextmanager
async def lifespan(app):
    async with server.lifespan():
        with told_of_signals(server.stop_waiting):
            yield


app = FastAPI(lifespan=lifespan)
app.mount("/gpu", jobs)
"""


@pytest.mark.slow
async def test_mounted_under_plain_uvicorn_it_stops_at_once_though_a_poll_is_parked(
    tmp_path: Path,
) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    token = create_token(tmp_path / "data", TokenKind.AGENT, agent_id="a1")
    port, loop = free_port(), asyncio.get_running_loop()
    command = [sys.executable, "-m", "uvicorn", "parent:app", "--port", str(port)]
    process = await asyncio.create_subprocess_exec(
        *command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with (
        caller(f"http://127.0.0.1:{port}/gpu", token) as http,
        asyncio.TaskGroup() as group,
    ):
        await until_up(http)
        agent = AgentSide(http, "a1")
        await agent.hello()
        poll = group.create_task(agent.ask(wait_s=20))
        await asyncio.sleep(0.5)

        began = loop.time()
        process.terminate()
        assert (await poll).json()["offer"] is None
        await process.wait()

        assert loop.time() - began < 2.0


async def test_whoever_handled_the_signal_before_still_does_and_afterwards_does_alone() -> None:
    told: list[str] = []

    def parents(_number: int, _frame: FrameType | None) -> None:
        told.append("parent")

    before = signal.signal(signal.SIGTERM, parents)
    try:
        with told_of_signals(lambda: told.append("us")):
            signal.raise_signal(signal.SIGTERM)
            await asyncio.sleep(0)
        signal.raise_signal(signal.SIGTERM)
        await asyncio.sleep(0)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert told == ["parent", "us", "parent"]


async def test_a_signal_that_nobody_handles_keeps_its_ordinary_effect() -> None:
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        with told_of_signals(lambda: None):
            assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)


async def test_in_a_thread_of_its_own_nothing_is_hooked() -> None:
    async def hooked() -> bool:
        before = signal.getsignal(signal.SIGTERM)
        with told_of_signals(lambda: None):
            return signal.getsignal(signal.SIGTERM) is not before

    assert not await asyncio.to_thread(lambda: asyncio.run(hooked()))
