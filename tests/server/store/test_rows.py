"""What is saved is what is loaded: the laws of the queue once more, through the tables."""

import tempfile
from pathlib import Path

from hypothesis import settings

from agent.model.ids import JobId
from agent.server.queue.values import Job, Moment
from agent.server.store import jobs
from agent.server.store.jobs import Spec
from agent.server.store.schema import open_database
from agent.server.store.transaction import Transaction
from tests.server.queue.test_queue_laws import NUMBERS, OneJob

SPEC = Spec(
    filename="a.mp3", sha256=None, media_type=None, options="{}", input_url=None, timeout_s=None
)


class StoredJob(OneJob):
    """Every change of the job goes through the database."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory()
        self._db = open_database(Path(self._folder.name))
        self._db.execute("PRAGMA synchronous = OFF")  # nothing here dies
        self._job: Job | None = None
        super().__init__()

    @property
    def job(self) -> Job:
        loaded = jobs.load(self._transaction(), JobId("job"))
        assert loaded is not None
        return loaded

    @job.setter
    def job(self, job: Job) -> None:
        if self._job is None:
            jobs.insert(self._transaction(), job, SPEC, None, "digest")
        else:
            jobs.save(self._transaction(), self.job, job)
        self._job = job
        assert self.job == job

    def _transaction(self) -> Transaction:
        return Transaction(self._db, Moment(self.now), NUMBERS)

    def teardown(self) -> None:
        self._db.close()
        self._folder.cleanup()


TestStoredJob = StoredJob.TestCase
TestStoredJob.settings = settings(max_examples=30, stateful_step_count=25, deadline=None)
