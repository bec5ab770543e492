"""The fleet as MoRAG's drafts list it: its own workers and our agents, one line each."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from agent.model.ids import JsonObject
from agent.model.lease import Directive
from agent.server.fleet import Presence
from agent.server.morag.roll import Heard
from agent.server.morag.words import naive
from agent.server.queue.values import Moment
from agent.server.server import Server
from agent.server.store import agents, workers
from agent.server.store.agents import Agent
from agent.server.store.transaction import Transaction
from agent.server.store.workers import RegisteredWorker, Tally
from agent.wire.agents import HardwareInfo
from agent.wire.morag_workers import (
    WorkerCapability,
    WorkerHardware,
    WorkerInfo,
    WorkerLocation,
    WorkerMetrics,
    WorkerRegistration,
    WorkerStats,
    WorkerStatus,
)

GB = 2**30
_GPU_TYPES = frozenset({"audio", "video", "image"})
_NOTHING = Tally()


@dataclass(frozen=True, slots=True)
class Known:
    """What the tables tell of everybody."""

    agents: tuple[Agent, ...]
    registered: tuple[RegisteredWorker, ...]
    tallies: Mapping[tuple[bool, str], Tally]


def known(tx: Transaction) -> Known:
    return Known(tuple(agents.every(tx)), tuple(workers.every(tx)), workers.tallies(tx))


def lines(server: Server, there: Known, heard: Iterable[Heard]) -> list[WorkerInfo]:
    """Our agents, then those that registered, then those that only poll."""
    by_name = {one.worker.name: one for one in heard}
    ours = [_of_agent(server, agent, there.tallies) for agent in there.agents]
    theirs = [
        _of_registered(one, by_name.get(one.worker.name), there.tallies, server.now)
        for one in there.registered
    ]
    named = {line.registration.worker_id for line in (*ours, *theirs)}
    others = [
        _of_heard(one, there.tallies, server.now)
        for name, one in sorted(by_name.items())
        if name not in named
    ]
    return [*ours, *theirs, *others]


def stats(fleet: Iterable[WorkerInfo]) -> WorkerStats:
    there = list(fleet)
    status = [line.status for line in there]
    kinds = [line.registration.capability for line in there]
    return WorkerStats(
        total=len(there),
        online=status.count(WorkerStatus.ONLINE),
        offline=status.count(WorkerStatus.OFFLINE),
        busy=status.count(WorkerStatus.BUSY),
        gpu_workers=kinds.count(WorkerCapability.GPU),
        cpu_workers=kinds.count(WorkerCapability.CPU),
        hybrid_workers=kinds.count(WorkerCapability.HYBRID),
        available=sum(_is_available(line) for line in there),
    )


def _is_available(line: WorkerInfo) -> bool:
    has_place = line.metrics.active_tasks < line.registration.max_concurrent_tasks
    return line.status is WorkerStatus.ONLINE and has_place


def _of_agent(
    server: Server, agent: Agent, tallies: Mapping[tuple[bool, str], Tally]
) -> WorkerInfo:
    tally = tallies.get((False, agent.agent_id), _NOTHING)
    presence = server.fleet.of(agent.agent_id)
    hello = agent.hello
    return WorkerInfo(
        registration=WorkerRegistration(
            worker_id=agent.agent_id,
            name=(hello.name or agent.agent_id)[:1024],
            capability=WorkerCapability(hello.capability),
            hardware=_hardware(hello.hardware),
            location=WorkerLocation(
                hostname=hello.location.hostname[:1024],
                ip_address="",
                port=0,  # nobody listens there: agents only call
                is_remote=hello.location.is_remote,
            ),
            max_concurrent_tasks=hello.slots,
            supported_content_types=hello.content_types[:100],
            tags={name: text[:1024] for name, text in hello.labels.items()},
        ),
        status=_agent_status(server, agent, presence, tally),
        metrics=_metrics(tally, {} if presence is None else presence.health),
        last_heartbeat=None if presence is None else naive(presence.seen_at),
        registered_at=naive(agent.greeted_at),
        version=hello.version,
    )


def _agent_status(
    server: Server, agent: Agent, presence: Presence | None, tally: Tally
) -> WorkerStatus:
    if presence is None or server.now - presence.seen_at > server.settings.offline_after_s:
        return WorkerStatus.OFFLINE
    if agent.order[0] is not Directive.CONTINUE:
        return WorkerStatus.MAINTENANCE
    return WorkerStatus.BUSY if tally.held >= agent.hello.slots else WorkerStatus.ONLINE


def _hardware(said: HardwareInfo) -> WorkerHardware:
    return WorkerHardware(
        cpu_cores=said.cpu_cores,
        memory_gb=_in_gb(said.memory_bytes),
        gpu_count=len(said.gpus),
        gpu_memory_gb=_in_gb(sum(gpu.memory_bytes for gpu in said.gpus)),
        gpu_models=tuple(gpu.name[:1024] for gpu in said.gpus),
        disk_space_gb=_in_gb(said.disk_free_bytes),
    )


def _in_gb(size: int) -> float:
    return round(size / GB, 2)


def _metrics(tally: Tally, health: JsonObject) -> WorkerMetrics:
    return WorkerMetrics(
        gpu_usage_percent=_gpu_usage(health),
        active_tasks=tally.held,
        completed_tasks=tally.completed,
        failed_tasks=tally.failed,
        avg_task_duration_seconds=round(tally.mean_s, 3),
    )


def _gpu_usage(health: JsonObject) -> float:
    """Of the busiest; what is no number was not measured."""
    cards = health.get("gpus")
    known_shares = [
        float(share)
        for card in (cards if isinstance(cards, list) else [])
        if isinstance(card, dict)
        and isinstance(share := card.get("utilisation_percent"), int | float)
        and 0 <= share <= 100  # noqa: PLR2004 - percent
    ]
    return max(known_shares, default=0.0)


def _of_registered(
    one: RegisteredWorker,
    heard: Heard | None,
    tallies: Mapping[tuple[bool, str], Tally],
    now: Moment,
) -> WorkerInfo:
    tally = tallies.get((True, one.worker.name), _NOTHING)
    return WorkerInfo(
        registration=one.registration,
        status=_old_status(heard, tally, one.registration.max_concurrent_tasks, now),
        metrics=_old_metrics(heard, tally),
        last_heartbeat=None if heard is None else naive(heard.last),
        registered_at=naive(one.registered_at),
    )


def _old_status(heard: Heard | None, tally: Tally, places: int, now: Moment) -> WorkerStatus:
    if heard is None or not heard.is_alive(now):
        return WorkerStatus.OFFLINE
    if heard.status is not None:
        return heard.status
    return WorkerStatus.BUSY if tally.held >= places else WorkerStatus.ONLINE


def _old_metrics(heard: Heard | None, tally: Tally) -> WorkerMetrics:
    """What it counts itself may be wrong (the draft's worker reports nothing but zeros)."""
    said = WorkerMetrics() if heard is None else heard.metrics
    counted = _metrics(tally, {})
    return said.model_copy(
        update={
            "active_tasks": max(said.active_tasks, counted.active_tasks),
            "completed_tasks": max(said.completed_tasks, counted.completed_tasks),
            "failed_tasks": max(said.failed_tasks, counted.failed_tasks),
            "avg_task_duration_seconds": said.avg_task_duration_seconds
            or counted.avg_task_duration_seconds,
        }
    )


def _of_heard(one: Heard, tallies: Mapping[tuple[bool, str], Tally], now: Moment) -> WorkerInfo:
    """It never registered: all that is known is what it asks for."""
    tally = tallies.get((True, one.worker.name), _NOTHING)
    types = tuple(sorted(one.content_types))
    return WorkerInfo(
        registration=WorkerRegistration(
            worker_id=one.worker.name,
            name=one.worker.name,
            capability=_capability(one.content_types),
            hardware=WorkerHardware(cpu_cores=0, memory_gb=0.0),
            location=WorkerLocation(hostname="", ip_address="", port=0),
            supported_content_types=tuple(name[:1024] for name in types),
        ),
        status=_old_status(one, tally, 1, now),
        metrics=_old_metrics(one, tally),
        last_heartbeat=naive(one.last),
        registered_at=naive(one.first),
    )


def _capability(content_types: frozenset[str]) -> WorkerCapability:
    wants_gpu, wants_cpu = content_types & _GPU_TYPES, content_types - _GPU_TYPES
    if wants_gpu and wants_cpu:
        return WorkerCapability.HYBRID
    return WorkerCapability.CPU if wants_cpu else WorkerCapability.GPU
