"""Speaks as MoRAG's own programs do: its server, which creates jobs, and its remote worker."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx

from agent.server.settings import MoragSettings
from agent.server.tokens import TokenKind, create_token
from tests.server.world import ManualClock, World, caller, world

JOBS = "/api/v1/remote-jobs"
SOUND = b"the bytes of a recording"
TEXT = "# Audio Transcription: a.mp3\n\n[00:00][SPEAKER_00] Guten Tag.\n"


@dataclass
class Told:
    """An `on_result` that remembers; it fails as often as it is told to."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    failures: int = 0
    why: str = "the vector database cannot be reached"

    async def __call__(self, **result: Any) -> None:
        self.calls.append(result)
        if self.failures > 0:
            self.failures -= 1
            raise OSError(self.why)

    async def until(self, count: int) -> None:
        async with asyncio.timeout(2000):
            while len(self.calls) < count:
                await asyncio.sleep(0.05)

    @property
    def jobs(self) -> list[str]:
        return [call["job_id"] for call in self.calls]


@dataclass
class OldWorker:
    http: httpx.AsyncClient
    name: str = "remote-worker-1"
    types: str = "audio,video"

    async def ask(self, **more: str) -> httpx.Response:
        query = {"worker_id": self.name, "content_types": self.types, "max_jobs": "1"}
        return await self.http.get(f"{JOBS}/poll", params=query | more)

    async def poll(self, **more: str) -> Any:
        answer = await self.ask(**more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def take(self) -> str:
        job_id: str | None = (await self.poll())["job_id"]
        assert job_id is not None
        return job_id

    async def download(self, job_id: str, **headers: str) -> httpx.Response:
        return await self.http.get(f"{JOBS}/{job_id}/download", headers=headers)

    async def put(self, job_id: str, **body: Any) -> httpx.Response:
        return await self.http.put(f"{JOBS}/{job_id}/result", json=body)

    async def bring(self, job_id: str, content: str = TEXT, **more: Any) -> Any:
        body = {"success": True, "content": content, "metadata": {"language": "de"}} | more
        answer = await self.put(job_id, **body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def give_up(self, job_id: str, why: str = "Processing failed") -> Any:
        answer = await self.put(job_id, success=False, error_message=why)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def status(self, job_id: str) -> httpx.Response:
        return await self.http.get(f"{JOBS}/{job_id}/status")


@dataclass
class OldWorld:
    world: World
    folder: Path
    """Where creators put their files."""
    told: Told

    @property
    def client(self) -> httpx.AsyncClient:
        return self.world.client

    @property
    def clock(self) -> ManualClock:
        return self.world.clock

    def worker(self, box: str = "box-1", **more: Any) -> OldWorker:
        token = create_token(self.world.folder, TokenKind.AGENT, agent_id=box)
        http = caller(self.world.app, token)
        self.world.others.append(http)
        return OldWorker(http, **({"name": f"worker-of-{box}"} | more))

    def file(self, name: str = "a.mp3", content: bytes = SOUND) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return path

    async def ask(self, **more: Any) -> httpx.Response:
        body = {"content_type": "audio", "ingestion_task_id": ""} | more
        if "source_file_path" not in body:
            body["source_file_path"] = str(self.file())
        return await self.client.post(f"{JOBS}/", json=body)

    async def create(self, **more: Any) -> str:
        answer = await self.ask(**more)
        assert answer.status_code == 200, answer.text
        job_id: str = answer.json()["job_id"]
        return job_id

    async def status(self, job_id: str) -> Any:
        answer = await self.client.get(f"{JOBS}/{job_id}/status")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def after(self, seconds: float) -> None:
        await self.world.after(seconds)


def ours(words: str) -> str:
    """A transcript as our own pipeline writes it."""
    return (
        "# Audio Transcription: a.mp3\n\n## Audio Information\n\n- **Duration**: 00:00:02\n\n"
        f"## Transcript\n\n[00:00][SPEAKER_00] {words}\n"
    )


def detail_of(answer: httpx.Response) -> tuple[int, str]:
    assert answer.headers["content-type"] == "application/json", answer.text
    assert set(answer.json()) == {"detail"}
    detail = answer.json()["detail"]
    return answer.status_code, detail if isinstance(detail, str) else detail[0]["loc"][-1]


@asynccontextmanager
async def old_world(
    tmp_path: Path,
    *,
    clock: ManualClock | None = None,
    told: Told | None = None,
    server: dict[str, Any] | None = None,
    **more: Any,
) -> AsyncIterator[OldWorld]:
    """`more` are of `MoragSettings`, `server` of `ServerSettings`."""
    folder = tmp_path / "uploads"
    folder.mkdir(exist_ok=True)
    told = told or Told()
    settings = replace(MoragSettings(input_folders=(folder,), on_result=told), **more)
    async with world(tmp_path / "data", clock, **({"morag": settings} | (server or {}))) as w:
        yield OldWorld(w, folder, told)
