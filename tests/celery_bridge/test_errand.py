"""What only a server of one's own makes happen: a file that changes under the upload."""

import asyncio
from pathlib import Path

import pytest

from agent.celery_bridge.errand import LONGEST_KEY, Access, Errand, Task
from agent.celery_bridge.order import Order
from agent.edges.http import Connection
from agent.edges.job_files import OnBytes
from agent.edges.jobs_client import JobsClient
from agent.model.errors import ServerUnavailableError
from agent.model.ids import JobId, JsonObject
from agent.wire.jobs import JobCreated, JobState, NewJob

pytestmark = pytest.mark.real_time


class Scribbled(JobsClient):
    """Somebody writes to the file while it is sent."""

    def __init__(self, file: Path) -> None:
        super().__init__(Connection("http://127.0.0.1:9", None))
        self._file = file
        self.created: list[NewJob] = []
        self.cancelled: list[JobId] = []

    async def create(self, job: NewJob) -> JobCreated:
        self.created.append(job)
        return JobCreated(job_id="job-1", state=JobState.CREATED, upload="/upload")

    async def upload(self, url: str, file: Path, size: int, on_bytes: OnBytes) -> None:
        del url, on_bytes
        assert (await asyncio.to_thread(file.read_bytes))[:size] == b"half of it"
        self._file.write_bytes(b"all of it, at last")

    async def cancel(self, job_id: JobId) -> None:
        self.cancelled.append(job_id)


def task(path: str, task_id: str = "t1") -> Task:
    order = Order("text", path, {})
    return Task(task_id, "gpu_fallback", order, user_id="u1", timeout=None)


async def test_a_file_that_changes_while_it_is_sent_becomes_no_job(tmp_path: Path) -> None:
    file = tmp_path / "a.txt"
    file.write_bytes(b"half of it")
    client = Scribbled(file)
    notes: list[JsonObject] = []

    reply = await Errand(
        Access(client, [tmp_path], tmp_path / "data"), task(str(file)), notes.append
    ).run()

    assert reply["success"] is False
    assert "being written to" in str(reply["error_message"])
    assert client.cancelled == ["job-1"]
    assert notes == []


async def test_a_server_that_is_away_is_left_to_whoever_can_wait(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("words")
    nowhere = JobsClient(Connection("http://127.0.0.1:9", None))
    errand = Errand(
        Access(nowhere, [tmp_path], tmp_path / "data"),
        task(str(tmp_path / "a.txt")),
        lambda _progress: None,
    )

    with pytest.raises(ServerUnavailableError):
        await errand.run()


@pytest.mark.parametrize("task_id", ["t1", "t" * 300, "ü" * 300, "\ud800"])
def test_whatever_id_a_task_has_makes_a_key_that_the_server_takes(task_id: str) -> None:
    key = task("/a", task_id).key

    assert 0 < len(key) <= LONGEST_KEY
    assert key == task("/a", task_id).key
    assert key != task("/a", task_id + "x").key
