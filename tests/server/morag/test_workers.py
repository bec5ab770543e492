"""The drafted worker endpoints: one fleet of MoRAG's workers and our agents."""

from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.model.ids import AgentId
from agent.server.queue.plain import Worker
from tests.server.morag.old import OldWorker, OldWorld, detail_of, old_world
from tests.server.morag.test_status import at

pytestmark = pytest.mark.real_time
WORKERS = "/api/v1/workers"


def registration(worker_id: str | None = "gpu-1", **more: Any) -> dict[str, Any]:
    return {
        "worker_id": worker_id,
        "name": "The box in the attic",
        "capability": "gpu",
        "hardware": {"cpu_cores": 8, "memory_gb": 32.0, "gpu_count": 1, "gpu_memory_gb": 24.0},
        "location": {"hostname": "attic", "ip_address": "10.0.0.7"},
        "max_concurrent_tasks": 2,
        "supported_content_types": ["audio", "video", "image"],
        "tags": {"site": "home"},
    } | more


async def register(worker: OldWorker, **more: Any) -> httpx.Response:
    body = {"registration": registration(worker.name, **more), "auth_token": "not looked at"}
    return await worker.http.post(f"{WORKERS}/register", json=body)


async def beat(worker: OldWorker, status: str = "online", **metrics: Any) -> httpx.Response:
    body = {
        "worker_id": worker.name,
        "status": status,
        "metrics": metrics,
        "timestamp": "2025-06-01T00:00:00",
    }
    return await worker.http.post(f"{WORKERS}/{worker.name}/heartbeat", json=body)


async def info(w: OldWorld, worker_id: str) -> Any:
    answer = await w.client.get(f"{WORKERS}/{worker_id}")
    assert answer.status_code == 200, answer.text
    return answer.json()


async def stats(w: OldWorld) -> Any:
    return (await w.client.get(f"{WORKERS}/stats")).json()


async def names(w: OldWorld) -> list[str]:
    fleet = (await w.client.get(WORKERS)).json()
    return [line["registration"]["worker_id"] for line in fleet]


async def test_a_worker_registers_and_is_listed_as_it_said(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker = w.worker(name="gpu-1")
        answer = await register(worker)
        said = registration()
        said["hardware"] |= {"gpu_models": [], "disk_space_gb": 0.0}
        said["location"] |= {"port": 8000, "is_remote": True, "network_latency_ms": None}

        assert answer.json() == {
            "success": True,
            "message": "Worker gpu-1 registered",
            "worker_id": "gpu-1",
        }
        assert await info(w, "gpu-1") == {
            "registration": said,
            "status": "online",
            "metrics": {
                "cpu_usage_percent": 0.0,
                "memory_usage_percent": 0.0,
                "gpu_usage_percent": 0.0,
                "active_tasks": 0,
                "completed_tasks": 0,
                "failed_tasks": 0,
                "avg_task_duration_seconds": 0.0,
            },
            "last_heartbeat": at(0),
            "registered_at": at(0),
            "version": "1.0.0",
        }


async def test_a_worker_without_an_id_is_given_one(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        body = {"registration": registration(None)}
        worker_id = (await w.worker().http.post(f"{WORKERS}/register", json=body)).json()[
            "worker_id"
        ]

        assert (await info(w, worker_id))["registration"]["worker_id"] == worker_id


async def test_registering_again_replaces_what_was_said(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker = w.worker(name="gpu-1")
        await register(worker)
        await register(worker, max_concurrent_tasks=7)

        assert await names(w) == ["gpu-1"]
        assert (await info(w, "gpu-1"))["registration"]["max_concurrent_tasks"] == 7


async def test_heartbeats_keep_it_alive_for_a_minute(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker = w.worker(name="gpu-1")
        await register(worker)
        w.clock.advance(59)
        assert (await info(w, "gpu-1"))["status"] == "online"
        assert (await beat(worker, "busy", active_tasks=2, gpu_usage_percent=97.5)).json() == {
            "success": True,
            "message": "Heartbeat received",
        }
        w.clock.advance(59)
        line = await info(w, "gpu-1")
        assert (line["status"], line["last_heartbeat"]) == ("busy", at(59))
        assert line["metrics"]["gpu_usage_percent"] == 97.5
        w.clock.advance(1)
        assert (await info(w, "gpu-1"))["status"] == "offline"


async def test_a_poll_is_a_sign_of_life_too(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker = w.worker(name="gpu-1")
        await register(worker)
        w.clock.advance(50)
        await worker.poll()
        w.clock.advance(50)

        assert (await info(w, "gpu-1"))["status"] == "online"


async def test_a_heartbeat_of_an_unknown_worker_is_not_found(tmp_path: Path) -> None:
    """The draft's own word for "register again"."""
    async with old_world(tmp_path) as w:
        assert detail_of(await beat(w.worker())) == (404, "Worker not found")


async def test_a_heartbeat_under_another_name_is_refused(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker = w.worker(name="gpu-1")
        await register(worker)
        body = {"worker_id": "gpu-2", "status": "online", "metrics": {}}
        answer = await worker.http.post(f"{WORKERS}/gpu-1/heartbeat", json=body)

        assert detail_of(answer) == (400, "Worker ID mismatch")


async def test_a_registration_outlives_a_restart(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        await register(w.worker(name="gpu-1"))
    async with old_world(tmp_path) as w:
        assert (await info(w, "gpu-1"))["status"] == "offline"
        worker = w.worker(name="gpu-1")
        assert (await beat(worker)).status_code == 200
        assert (await info(w, "gpu-1"))["status"] == "online"


async def test_nobody_takes_anothers_name(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        await register(w.worker(name="gpu-1"))
        await w.world.agent("attic")
        thief = w.worker("box-2", name="gpu-1")

        assert detail_of(await register(thief))[0] == 403
        assert detail_of(await beat(thief))[0] == 403
        assert detail_of(await thief.ask())[0] == 403
        assert (await thief.http.delete(f"{WORKERS}/gpu-1")).status_code == 403
        assert detail_of(await register(w.worker("box-3", name="attic")))[0] == 403


async def test_a_worker_is_removed_by_itself_or_by_a_client(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker = w.worker(name="gpu-1")
        for http in (worker.http, w.client):
            await register(worker)
            answer = await http.delete(f"{WORKERS}/gpu-1")
            assert answer.json() == {"success": True, "message": "Worker gpu-1 unregistered"}
            assert await names(w) == []
            assert detail_of(await http.delete(f"{WORKERS}/gpu-1")) == (404, "Worker not found")
        assert detail_of(await w.client.get(f"{WORKERS}/gpu-1")) == (404, "Worker not found")


async def test_a_removed_worker_still_brings_what_it_holds(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker = w.worker(name="gpu-1")
        await register(worker)
        job_id = await w.create()
        await worker.take()
        await worker.http.delete(f"{WORKERS}/gpu-1")

        assert (await worker.bring(job_id))["status"] == "completed"


async def test_our_agents_are_in_the_list(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        agent = w.world.agent_side("attic")
        await agent.hello(
            name="attic-3090",
            version="0.1.0",
            slots=2,
            labels={"site": "home"},
            hardware={
                "cpu_cores": 16,
                "memory_bytes": 64 * 2**30,
                "disk_free_bytes": 2**40,
                "gpus": [{"name": "RTX 3090", "memory_bytes": 24 * 2**30}],
            },
            location={"hostname": "attic.lan", "is_remote": False},
        )
        await w.create()
        await w.create()
        offer = await agent.take(health={"gpus": [{"utilisation_percent": 80.5}]})
        line = await info(w, "attic")

        assert line["registration"] == {
            "worker_id": "attic",
            "name": "attic-3090",
            "capability": "gpu",
            "hardware": {
                "cpu_cores": 16,
                "memory_gb": 64.0,
                "gpu_count": 1,
                "gpu_memory_gb": 24.0,
                "gpu_models": ["RTX 3090"],
                "disk_space_gb": 1024.0,
            },
            "location": {
                "hostname": "attic.lan",
                "ip_address": "",
                "port": 0,
                "is_remote": False,
                "network_latency_ms": None,
            },
            "max_concurrent_tasks": 2,
            "supported_content_types": ["audio"],
            "tags": {"site": "home"},
        }
        assert (line["status"], line["version"]) == ("online", "0.1.0")
        assert (line["metrics"]["active_tasks"], line["metrics"]["gpu_usage_percent"]) == (1, 80.5)
        await agent.take()
        assert (await info(w, "attic"))["status"] == "busy"
        w.clock.advance(10)
        await agent.finish(offer["lease_id"], **{"transcript.md": b"text"})
        metrics = (await info(w, "attic"))["metrics"]
        assert (metrics["active_tasks"], metrics["completed_tasks"]) == (1, 1)
        assert metrics["avg_task_duration_seconds"] == 10.0
        await w.client.post("/v1/agents/attic/directive", json={"directive": "pause"})
        assert (await info(w, "attic"))["status"] == "maintenance"
        w.clock.advance(91)
        assert (await info(w, "attic"))["status"] == "offline"
        assert detail_of(await w.client.delete(f"{WORKERS}/attic"))[0] == 409


async def test_a_worker_that_only_polls_is_listed_by_what_it_asks_for(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        await w.create()
        for name, types in (("a", "audio"), ("b", "audio,document"), ("c", "document,web")):
            await w.worker(f"box-{name}", name=name, types=types).poll()

        assert await names(w) == ["a", "b", "c"]
        kinds = [(await info(w, name))["registration"]["capability"] for name in "abc"]
        assert kinds == ["gpu", "hybrid", "cpu"]
        assert [(await info(w, name))["status"] for name in "abc"] == ["busy", "online", "online"]
        w.clock.advance(60)
        assert (await info(w, "a"))["status"] == "offline"


async def test_those_that_made_up_a_name_and_went_are_forgotten(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        await w.worker("box-1", name="remote-worker-1").poll()
        w.clock.advance(3601)
        await w.worker("box-2", name="remote-worker-2").poll()

        assert await names(w) == ["remote-worker-2"]


async def test_the_counts_are_the_drafts(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        await register(w.worker("box-1", name="gpu-1"))
        busy = w.worker("box-2", name="cpu-1")
        await register(busy, capability="cpu")
        await beat(busy, "busy")
        full = w.worker("box-3", name="hybrid-1")
        await register(full, capability="hybrid", max_concurrent_tasks=1)
        await beat(full, "online", active_tasks=1)
        await w.world.agent("attic")

        assert await stats(w) == {
            "total": 4,
            "online": 3,
            "offline": 0,
            "busy": 1,
            "gpu_workers": 2,
            "cpu_workers": 1,
            "hybrid_workers": 1,
            "available": 2,
        }
        w.clock.advance(3600)
        assert await stats(w) == (await stats(w)) | {"online": 0, "offline": 4, "available": 0}


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"capability": "tpu"}, "capability"),
        ({"hardware": {}}, "cpu_cores"),
        ({"max_concurrent_tasks": 0}, "max_concurrent_tasks"),
    ],
)
async def test_a_wrong_field_is_named(tmp_path: Path, wrong: dict[str, Any], field: str) -> None:
    async with old_world(tmp_path) as w:
        assert detail_of(await register(w.worker(), **wrong)) == (422, field)


async def test_the_list_is_found_with_and_without_a_slash(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        assert (await w.client.get(WORKERS)).json() == []
        answer = await w.client.get(f"{WORKERS}/", follow_redirects=True)
        assert answer.json() == []


async def test_names_without_end_take_no_memory_without_end(tmp_path: Path) -> None:
    async with old_world(tmp_path) as w:
        worker = w.worker()
        roll = w.world.app.state.morag.roll
        for number in range(1100):
            roll.saw(Worker(AgentId("box-1"), f"remote-worker-{number}"), w.world.server.now)
            w.clock.advance(0.001)
        await worker.poll()
        there = await names(w)

        assert len(there) == 1000
        assert worker.name in there
        assert "remote-worker-0" not in there
