"""What tests of the pool give their children to do."""

from agent.model.ids import JobId
from agent.model.work import Progress, Task


def task(content_type: str) -> Task:
    return Task(
        job_id=JobId("job-1"),
        content_type=content_type,
        input="in",
        filename="in",
        media_type=None,
        output="out",
        options={},
    )


def ignore(_progress: Progress) -> None:
    """Nobody watches."""
