from pathlib import Path

import pytest

from tests.server.world import INPUT, world

pytestmark = pytest.mark.real_time


async def test_a_job_goes_from_submission_to_its_result(tmp_path: Path) -> None:
    async with world(tmp_path) as w:
        job_id = await w.submit()
        agent = await w.agent()

        offer = await agent.take()
        got = await agent.http.get(offer["input"]["url"])
        done = await agent.finish(offer["lease_id"], **{"transcript.md": b"# Hello"})

        assert got.content == INPUT
        assert done.json() == {"job_id": job_id, "state": "completed"}
        result = await w.client.get(f"/v1/jobs/{job_id}/artifacts/transcript.md")
        assert result.content == b"# Hello"
