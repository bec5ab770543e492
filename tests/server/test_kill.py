"""The server's process is killed without warning: what it acknowledged is there."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from agent.server.tokens import TokenKind, create_token
from tests.server.sockets import caller, free_port, until_up
from tests.server.world import INPUT, OCTETS, TUS, sha256, world

pytestmark = [pytest.mark.real_time, pytest.mark.slow]
SERVE = """
import sys
from pathlib import Path
from agent.server.app import create_app
from agent.server.serving import server_for
from agent.server.settings import ServerSettings
app = create_app(ServerSettings(folder=Path(sys.argv[1])))
server_for(app, "127.0.0.1", int(sys.argv[2])).run()
"""


async def test_nothing_acknowledged_is_lost_when_the_process_is_killed(tmp_path: Path) -> None:
    token, port = create_token(tmp_path, TokenKind.CLIENT), free_port()
    command = [sys.executable, "-c", SERVE, str(tmp_path), str(port)]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.DEVNULL)
    acknowledged: list[str] = []
    async with caller(f"http://127.0.0.1:{port}", token) as client:
        await until_up(client)
        while len(acknowledged) < 10:
            body = {"content_type": "audio", "filename": "a", "size": len(INPUT)}
            created = (await client.post("/v1/jobs", json=body)).json()
            headers = TUS | OCTETS | {"Upload-Offset": "0"}
            sent = await client.patch(created["upload"], content=INPUT, headers=headers)
            assert sent.status_code == 204
            acknowledged.append(created["job_id"])
        process.kill()
        await process.wait()

    async with world(tmp_path) as w:
        for job_id in acknowledged:
            job = await w.job(job_id)
            assert (job["state"], job["sha256"]) == ("queued", sha256(INPUT))
