"""The worker endpoints that MoRAG has drafted: register, heartbeat, list, count, remove."""

import uuid
from functools import partial

from fastapi import APIRouter

from agent.server.auth import ServerDep
from agent.server.morag.desk import Desk, DeskDep
from agent.server.morag.keys import Creator, Key, OldWorker, agent_in
from agent.server.morag.lines import known, lines, stats
from agent.server.morag.route import OldRoute
from agent.server.problems import ProblemError
from agent.server.queue.plain import Worker
from agent.server.server import Server
from agent.server.store import agents, workers
from agent.server.store.transaction import Transaction
from agent.wire.morag_workers import (
    HEARTBEAT,
    REGISTER,
    STATS,
    WORKER,
    WORKERS,
    Registered,
    RegistrationRequest,
    WorkerAnswer,
    WorkerHeartbeat,
    WorkerInfo,
    WorkerStats,
)
from agent.wire.problems import ProblemCode

router = APIRouter(route_class=OldRoute, tags=["workers"])


@router.post(REGISTER)
async def register(
    server: ServerDep, desk: DeskDep, agent_id: OldWorker, body: RegistrationRequest
) -> Registered:
    """Kept over a restart; again, with the same id, it replaces what was said before."""
    worker_id = body.registration.worker_id or str(uuid.uuid4())
    worker = Worker(agent_id, worker_id)
    said = body.registration.model_copy(update={"worker_id": worker_id})
    await server.store.run(partial(workers.register, worker=worker, registration=said))
    desk.roll.saw(worker, server.now, said.supported_content_types)
    return Registered(message=f"Worker {worker_id} registered", worker_id=worker_id)


@router.post(HEARTBEAT)
async def heartbeat(
    server: ServerDep, desk: DeskDep, agent_id: OldWorker, worker_id: str, body: WorkerHeartbeat
) -> WorkerAnswer:
    """404 for a worker that must register (again)."""
    if body.worker_id != worker_id:
        raise ProblemError(ProblemCode.BAD_REQUEST, "Worker ID mismatch")
    await server.store.run(partial(_known, worker_id=worker_id, agent_id=agent_id))
    desk.roll.beat(Worker(agent_id, worker_id), server.now, body.status, body.metrics)
    return WorkerAnswer(message="Heartbeat received")


def _known(tx: Transaction, worker_id: str, agent_id: str | None) -> None:
    found = workers.find(tx, worker_id)
    if found is None:
        raise _not_found()
    if agent_id is not None and found.worker.agent_id != agent_id:
        raise ProblemError(ProblemCode.FORBIDDEN, "another worker has this id")


def _not_found() -> ProblemError:
    return ProblemError(ProblemCode.UNKNOWN_AGENT, "Worker not found")


@router.get(WORKERS, dependencies=[Creator])
async def list_workers(server: ServerDep, desk: DeskDep) -> list[WorkerInfo]:
    """One fleet: our agents are in it."""
    return await _lines(server, desk)


@router.get(STATS, dependencies=[Creator])
async def count_workers(server: ServerDep, desk: DeskDep) -> WorkerStats:
    return stats(await _lines(server, desk))


@router.get(WORKER, dependencies=[Creator])
async def get_worker(server: ServerDep, desk: DeskDep, worker_id: str) -> WorkerInfo:
    for line in await _lines(server, desk):
        if line.registration.worker_id == worker_id:
            return line
    raise _not_found()


async def _lines(server: Server, desk: Desk) -> list[WorkerInfo]:
    return lines(server, await server.store.run(known), desk.roll.every())


@router.delete(WORKER)
async def remove_worker(server: ServerDep, desk: DeskDep, key: Key, worker_id: str) -> WorkerAnswer:
    """What it holds stays its own until that lease has run out: it may still bring it."""
    await server.store.run(partial(_remove, worker_id=worker_id, agent_id=agent_in(key)))
    desk.roll.forget(worker_id)
    return WorkerAnswer(message=f"Worker {worker_id} unregistered")


def _remove(tx: Transaction, worker_id: str, agent_id: str | None) -> None:
    if workers.find(tx, worker_id) is None and agents.find(tx, worker_id) is not None:
        detail = "this is an agent of the Job API: it signs off by itself"
        raise ProblemError(ProblemCode.JOB_ACTIVE, detail)
    _known(tx, worker_id, agent_id)
    workers.remove(tx, worker_id)
