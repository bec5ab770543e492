"""What the embedded server lets its owner decide, with the protocol's numbers as defaults."""

from collections.abc import Awaitable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from agent.model.ids import JsonObject
from agent.server.queue.values import Numbers
from agent.wire.base import MAX_POLL_WAIT, POLL_WAIT, RENEW_EVERY

DAY = 24 * 3600.0


class OnResult(Protocol):
    """Goes on with a finished job, whoever has done it: MoRAG's ingestion.

    What is not `async` runs in a thread. An exception has it called again later.
    """

    def __call__(
        self,
        *,
        job_id: str,
        ingestion_task_id: str,
        content: str,
        metadata: JsonObject,
        processing_time: float,
        task_options: JsonObject,
    ) -> Awaitable[None] | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class MoragSettings:
    """MoRAG's own URLs: its remote-jobs API and the worker endpoints that it has drafted."""

    input_folders: tuple[Path, ...] = ()
    """`source_file_path` must lie in one of these; without any, no job can be created there."""
    on_result: OnResult | None = None
    results_at_once: int = 2
    """Calls of `on_result` that go on at the same time."""
    lease_s: float | None = None
    """How long a worker of MoRAG's may take, which renews nothing; None: MoRAG's own timeouts."""
    max_attempts: int = 3
    queue: str = "gpu_fallback"
    max_result_bytes: int = 64 * 2**20
    """Of the body in which such a worker sends a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    folder: Path
    """The data folder: database and files. One process owns it at a time."""
    numbers: Numbers = field(default_factory=Numbers)
    poll_wait_s: float = POLL_WAIT
    renew_every_s: float = RENEW_EVERY
    retention_s: float = 7 * DAY
    """An ended job and its files are removed after this."""
    created_retention_s: float = DAY
    """A job whose input never became whole is removed after this without news."""
    max_upload_bytes: int = 64 * 2**30
    """Of one file."""
    reserve_bytes: int = 256 * 2**20
    """Stays free on the disk: the database must be able to grow."""
    sweep_every_s: float = 1.0
    """The slow re-look; deadlines that fall due sooner are met sooner."""
    heartbeat_s: float = 15.0
    """A comment in a silent event stream, so that proxies keep it open."""
    morag: MoragSettings | None = None
    """None: MoRAG's own URLs are not answered."""

    def __post_init__(self) -> None:
        if self.poll_wait_s > MAX_POLL_WAIT:
            raise ValueError(f"poll_wait_s is {self.poll_wait_s}, at most {MAX_POLL_WAIT}")

    @property
    def offline_after_s(self) -> float:
        """An agent silent for three renewal intervals is shown as offline."""
        return 3 * self.renew_every_s
