"""The worker endpoints that MoRAG has drafted: what both ends of them say.

The drafts leave much to the sender: moments carry no zone and are not compared with anybody's
clock, and every number may be missing.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import Field

from agent.wire.base import Body

WORKERS = "/api/v1/workers"
REGISTER = f"{WORKERS}/register"
STATS = f"{WORKERS}/stats"
WORKER = WORKERS + "/{worker_id}"
HEARTBEAT = WORKER + "/heartbeat"

ALIVE_S = 60.0
"""A worker whose last heartbeat is older than this is offline."""

WorkerId = Annotated[str, Field(min_length=1, max_length=255)]
_Count = Annotated[int, Field(ge=0, le=2**53)]
_Number = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Text = Annotated[str, Field(max_length=1024)]


class WorkerCapability(StrEnum):
    CPU = "cpu"
    GPU = "gpu"
    HYBRID = "hybrid"


class WorkerStatus(StrEnum):
    ONLINE = "online"
    OFFLINE = "offline"
    BUSY = "busy"
    ERROR = "error"
    MAINTENANCE = "maintenance"


class WorkerHardware(Body):
    cpu_cores: _Count
    memory_gb: _Number
    gpu_count: _Count = 0
    gpu_memory_gb: _Number = 0.0
    """Of all GPUs together."""
    gpu_models: tuple[_Text, ...] = ()
    disk_space_gb: _Number = 0.0


class WorkerLocation(Body):
    hostname: _Text
    ip_address: _Text
    port: Annotated[int, Field(ge=0, le=65535)] = 8000
    is_remote: bool = True
    network_latency_ms: _Number | None = None


class WorkerMetrics(Body):
    cpu_usage_percent: _Number = 0.0
    memory_usage_percent: _Number = 0.0
    gpu_usage_percent: _Number = 0.0
    active_tasks: _Count = 0
    completed_tasks: _Count = 0
    failed_tasks: _Count = 0
    avg_task_duration_seconds: _Number = 0.0


class WorkerRegistration(Body):
    worker_id: WorkerId | None = None
    """None: the server makes one up."""
    name: _Text
    capability: WorkerCapability
    hardware: WorkerHardware
    location: WorkerLocation
    max_concurrent_tasks: Annotated[int, Field(ge=1, le=1024)] = 1
    supported_content_types: Annotated[tuple[_Text, ...], Field(max_length=100)] = ()
    tags: dict[str, _Text] = Field(default_factory=dict)


class RegistrationRequest(Body):
    """The draft also has an `auth_token` here; ours is in a header, where it is looked for."""

    registration: WorkerRegistration


class WorkerHeartbeat(Body):
    """Its `timestamp` is not read: it counts when it comes."""

    worker_id: WorkerId
    status: WorkerStatus = WorkerStatus.ONLINE
    metrics: WorkerMetrics = WorkerMetrics()


class WorkerInfo(Body):
    registration: WorkerRegistration
    status: WorkerStatus = WorkerStatus.OFFLINE
    metrics: WorkerMetrics = WorkerMetrics()
    last_heartbeat: str | None = None
    """Naive UTC, as all of MoRAG's moments."""
    registered_at: str
    version: str = "1.0.0"


class WorkerAnswer(Body):
    success: bool = True
    message: str


class Registered(WorkerAnswer):
    worker_id: str


class WorkerStats(Body):
    total: int
    online: int
    offline: int
    busy: int
    gpu_workers: int
    cpu_workers: int
    hybrid_workers: int
    available: int
    """Online and with a place free."""
