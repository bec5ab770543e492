"""Callers of the stand-in who know nothing of our client: what they say is data of the test."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from tests.fakes.morag import InProcess, StandIn

JOBS = "/api/v1/remote-jobs"


@dataclass
class Caller:
    http: httpx.AsyncClient

    async def create(self, source: str, content_type: str = "text", **options: object) -> str:
        answer = await self.http.post(
            f"{JOBS}/",
            json={
                "source_file_path": source,
                "content_type": content_type,
                "task_options": options,
                "ingestion_task_id": "task-1",
            },
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["job_id"])

    async def poll(self, types: str = "text", **more: object) -> dict[str, Any]:
        query: dict[str, Any] = {"worker_id": "attic", "content_types": types, **more}
        answer = await self.http.get(f"{JOBS}/poll", params=query)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def download(self, job_id: str, **headers: str) -> httpx.Response:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.get(f"{JOBS}/{job_id}/download", headers=named)

    async def result(self, job_id: str, **body: object) -> httpx.Response:
        return await self.http.put(f"{JOBS}/{job_id}/result", json=body)

    async def status(self, job_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"{JOBS}/{job_id}/status")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@asynccontextmanager
async def calling(
    stand_in: StandIn, headers: Mapping[str, str] | None = None, patience: float = 30.0
) -> AsyncIterator[Caller]:
    transport = InProcess(stand_in, lambda: stand_in.is_down)
    url = f"http://morag.example{stand_in.manners.prefix}"
    async with httpx.AsyncClient(
        transport=transport, base_url=url, headers=headers, timeout=patience
    ) as http:
        yield Caller(http)


def stand_in_of(**more: Any) -> StandIn:
    """On the loop's own time, so within a test that runs only."""
    return StandIn(now=lambda: 1_800_000_000.0 + asyncio.get_running_loop().time(), **more)
