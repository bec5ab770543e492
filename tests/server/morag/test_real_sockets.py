"""The worker's side of our own agent, in MoRAG's dialect, against these URLs on a real socket."""

import json
from pathlib import Path

import pytest

from agent.edges.http import Connection
from agent.edges.manner import KeyForm, Manner
from agent.edges.morag.calls import MoragCalls
from agent.edges.morag.problems import refusal
from agent.model.claim import JobStatus, Outcome
from agent.model.ids import AgentId, Seconds
from agent.ports import Taken
from agent.server.settings import MoragSettings
from tests.server.morag.old import SOUND, TEXT, Told
from tests.server.sockets import online

pytestmark = pytest.mark.real_time
PATIENCE = Seconds(20.0)
WISHES = {"language": "de", "databases": [{"password": "hunter2"}]}


@pytest.mark.parametrize("form", ["bearer", "api-key", "x-api-key"])
async def test_our_agent_in_morags_dialect_does_a_job(tmp_path: Path, form: KeyForm) -> None:
    uploads, told = tmp_path / "uploads", Told()
    uploads.mkdir()
    (uploads / "Gespräch 1.mp3").write_bytes(SOUND)
    morag = MoragSettings(input_folders=(uploads,), on_result=told)
    async with online(tmp_path / "data", morag=morag) as there:
        body = {
            "source_file_path": f"{uploads}/Gespräch 1.mp3",
            "content_type": "audio",
            "task_options": WISHES,
            "ingestion_task_id": "task-1",
        }
        created = await there.client.post("/api/v1/remote-jobs/", json=body)
        manner = Manner(key_form=form, refusal=refusal)
        connection = Connection(there.url, there.tokens["agent"], manner=manner)
        calls = MoragCalls(connection, AgentId("a1"))

        job = await calls.claim(["audio"])
        assert job is not None
        assert job.job_id == created.json()["job_id"]
        assert json.dumps(job.task_options) == json.dumps(WISHES)
        sight = await calls.look(job.url)
        assert (sight.filename, sight.size) == ("Gespräch 1.mp3", len(SOUND))
        assert await calls.status(job.job_id) is JobStatus.PROCESSING
        done = Outcome(content=TEXT, metadata={"language": "de"}, spent=Seconds(1.5))
        for _ in range(2):
            assert await calls.send(job.job_id, done, PATIENCE) == Taken(JobStatus.COMPLETED, True)
        assert await calls.status(job.job_id) is JobStatus.COMPLETED
        assert await calls.claim(["audio"]) is None
        await told.until(1)
        await connection.close()

    assert told.jobs == [job.job_id]
