"""The server's process is killed between the answer to a result and the end of `on_result`."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from agent.server.tokens import TokenKind, create_token
from tests.server.morag.old import TEXT, OldWorker
from tests.server.sockets import caller, free_port, until_up

pytestmark = [pytest.mark.real_time, pytest.mark.slow]
SERVE = """
import os, sys, time
from pathlib import Path
from agent.server.app import create_app
from agent.server.serving import server_for
from agent.server.settings import MoragSettings, ServerSettings

folder = Path(sys.argv[1])

def on_result(*, job_id, content, **_more):
    with (folder / "told").open("a") as file:
        file.write(f"begin {job_id}\\n")
        os.fsync(file.fileno())
    while (folder / "hang").exists():
        time.sleep(0.02)
    with (folder / "told").open("a") as file:
        file.write(f"end {job_id} {len(content)}\\n")

morag = MoragSettings(input_folders=(folder / "uploads",), on_result=on_result)
app = create_app(ServerSettings(folder=folder / "data", morag=morag))
server_for(app, "127.0.0.1", int(sys.argv[2])).run()
"""


@asynccontextmanager
async def served(
    folder: Path, tokens: dict[str, str]
) -> AsyncIterator[dict[str, httpx.AsyncClient]]:
    port = free_port()
    command = [sys.executable, "-c", SERVE, str(folder), str(port)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    async with caller(url, tokens["client"]) as client, caller(url, tokens["worker"]) as worker:
        try:
            await until_up(client)
            yield {"client": client, "worker": worker}
        finally:
            process.kill()
            await process.wait()


async def lines(folder: Path, count: int) -> list[str]:
    async with asyncio.timeout(30):
        while True:
            told = folder / "told"
            found = told.read_text().splitlines() if told.exists() else []
            if len(found) >= count:
                return found
            await asyncio.sleep(0.05)


async def test_what_was_answered_is_told_after_the_next_start_and_then_never_again(
    tmp_path: Path,
) -> None:
    tokens = {
        "client": create_token(tmp_path / "data", TokenKind.CLIENT),
        "worker": create_token(tmp_path / "data", TokenKind.AGENT, agent_id="box"),
    }
    sound = tmp_path / "uploads" / "a.mp3"
    sound.parent.mkdir()
    sound.write_bytes(b"sound")
    hang = tmp_path / "hang"
    hang.touch()
    async with served(tmp_path, tokens) as http:
        body = {
            "source_file_path": str(sound),
            "content_type": "audio",
            "ingestion_task_id": "task-1",
        }
        created = await http["client"].post("/api/v1/remote-jobs/", json=body)
        worker = OldWorker(http["worker"])
        job_id = await worker.take()
        assert job_id == created.json()["job_id"]
        assert (await worker.bring(job_id))["ingestion_continued"]
        assert await lines(tmp_path, 1) == [f"begin {job_id}"]

    hang.unlink()
    begun_twice = [f"begin {job_id}"] * 2
    async with served(tmp_path, tokens):
        assert await lines(tmp_path, 3) == [*begun_twice, f"end {job_id} {len(TEXT)}"]
        await asyncio.sleep(1.5)
    async with served(tmp_path, tokens) as http:
        status = await http["client"].get(f"/api/v1/remote-jobs/{job_id}/status")
        assert status.json()["status"] == "completed"
        await asyncio.sleep(1.5)
        assert len(await lines(tmp_path, 3)) == 3
