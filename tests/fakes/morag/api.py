"""MoRAG's remote conversion API, on FastAPI as there: the checks and their errors are FastAPI's."""

import asyncio
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, HTTPException, Request
from pydantic import BaseModel
from starlette.responses import Response

from tests.fakes.morag.books import Books
from tests.fakes.morag.downloads import download
from tests.fakes.morag.jobs import Job
from tests.fakes.morag.manners import Manners

PATH = "/api/v1/remote-jobs"


class Asked(BaseModel):
    source_file_path: str
    content_type: str
    task_options: dict[str, Any] = {}
    ingestion_task_id: str


class Brought(BaseModel):
    success: bool
    content: str | None = None
    metadata: dict[str, Any] | None = None
    error_message: str | None = None
    processing_time: float | None = None


def api_of(manners: Manners, books: Books) -> FastAPI:
    app = FastAPI(openapi_url=None)
    if manners.is_mounted:
        app.include_router(_Desk(manners, books).router())
    if manners.has_health:
        app.add_api_route("/health", _health)
    app.add_api_route("/api/v1/stages/health", _health)
    return app


async def _health() -> dict[str, str]:
    return {"status": "healthy"}


class _Desk:
    def __init__(self, manners: Manners, books: Books) -> None:
        self._manners = manners
        self._books = books
        self._jobs = books.jobs
        self._loop = asyncio.Lock()

    def router(self) -> APIRouter:
        router = APIRouter(prefix=PATH)
        router.add_api_route("/", self.create, methods=["POST"])
        router.add_api_route("/poll", self.poll, methods=["GET"])
        router.add_api_route("/{job_id}/download", self.download, methods=["GET"])
        router.add_api_route("/{job_id}/result", self.result, methods=["PUT"])
        router.add_api_route("/{job_id}/status", self.status, methods=["GET"])
        return router

    async def create(self, asked: Asked) -> dict[str, str]:
        await self._turn()
        job = self._jobs.create(
            asked.source_file_path, asked.content_type, asked.task_options, asked.ingestion_task_id
        )
        return {"job_id": job.id, "status": job.status, "created_at": job.created_at}

    async def poll(self, worker_id: str, content_types: str, max_jobs: int = 1) -> dict[str, Any]:
        """Of several jobs that it takes for the worker, the worker learns of the first."""
        await self._turn()
        wanted = [each.strip() for each in content_types.split(",")]
        taken = self._jobs.claim(worker_id, wanted, max_jobs)
        job = taken[0] if taken else None
        return {
            "job_id": job and job.id,
            "source_file_url": job and f"{PATH}/{job.id}/download",
            "content_type": job and job.content_type,
            "task_options": job and job.task_options,
        }

    async def download(self, job_id: str, request: Request) -> Response:
        await self._turn()
        job = self._find(job_id)
        if job.status != "processing":
            raise HTTPException(403, f"Job {job_id} is not in processing state")
        file = Path(job.source_file_path)
        if not file.exists():  # noqa: ASYNC240 - as there
            raise HTTPException(404, f"Source file not found: {file}")
        return download(file, request.headers, ranges=self._manners.ranges)

    async def result(self, job_id: str, brought: Brought) -> dict[str, Any]:
        await self._turn()
        job = self._find(job_id)
        self._books.on_result(job_id)
        is_ingested = False
        if not brought.success:
            self._jobs.fail(job, brought.error_message)
        elif self._manners.marks_first:
            self._mark(job, brought)
            is_ingested = await self._ingest(job, brought)
        else:
            is_ingested = await self._ingest(job, brought)
            self._mark(job, brought)
        return {"status": job.status, "ingestion_continued": is_ingested}

    async def status(self, job_id: str) -> dict[str, Any]:
        await self._turn()
        job = self._find(job_id)
        return {
            "job_id": job.id,
            "status": job.status,
            "worker_id": job.worker_id,
            "created_at": job.created_at,
            "started_at": job.started_at,
            "completed_at": job.completed_at,
            "error_message": job.error_message,
            "retry_count": job.retry_count,
            "estimated_completion": job.estimated_completion,
        }

    def _find(self, job_id: str) -> Job:
        job = self._jobs.find(job_id)
        if job is None:
            raise HTTPException(404, f"Job {job_id} not found")
        return job

    def _mark(self, job: Job, brought: Brought) -> None:
        content, metadata = brought.content or "", brought.metadata or {}
        self._jobs.succeed(job, content, metadata, brought.processing_time or 0.0)

    async def _ingest(self, job: Job, brought: Brought) -> bool:
        """Empty content is called completed, and nobody hears that it went nowhere."""
        if not brought.content:
            return False
        self._books.on_begun(job.id)
        async with self._loop if self._manners.stands_still else nullcontext():
            await asyncio.sleep(self._manners.ingestion_s)
        options = job.task_options
        is_slip = options.get("store_in_vector_db") is False and options.get("webhook_url")
        if self._manners.ingestion_fails or is_slip:
            return False
        self._books.on_finished(job.id)
        return True

    async def _turn(self) -> None:
        if not self._manners.stands_still:
            return
        start = self._books.starts
        async with self._loop:
            if self._books.starts != start:
                raise HTTPException(503, "nobody hears this")
