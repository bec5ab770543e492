"""The client: submits until it is acknowledged, cancels some, fetches the results at the end."""

import asyncio
import json
from base64 import b64encode
from dataclasses import dataclass
from hashlib import sha256
from random import Random
from typing import Any

import httpx

from tests.simulation import house
from tests.simulation.call import Reply
from tests.simulation.network import Network, Patience
from tests.simulation.story import JobStory

NAME = "client"
PART = 48 * 1024
TUS = (("tus-resumable", "1.0.0"),)
SUCCESS = range(200, 300)


class NoAnswerError(Exception):
    """Nothing, or nothing of the server's, came back."""


@dataclass
class Client:
    network: Network
    token: str
    dice: Random
    urls: dict[str, str]
    """Of inputs that are held elsewhere."""

    async def live(self, job: JobStory) -> str:
        """Submit, send, perhaps cancel; the job's id."""
        await asyncio.sleep(job.at)
        created = await self._until_heard("POST", "/v1/jobs", json.dumps(self._order(job)).encode())
        job_id: str = created["job_id"]
        if created.get("upload"):
            await self._upload(created["upload"], job.contents[0])
        if job.cancelled_at is not None:
            await asyncio.sleep(max(0.0, job.cancelled_at - self.network.loop.true_time()))
            await self._until_heard("POST", f"/v1/jobs/{job_id}/cancel", b"")
        return job_id

    async def job(self, job_id: str) -> Any:
        return await self._until_heard("GET", f"/v1/jobs/{job_id}", b"")

    async def artifact(self, job_id: str, name: str) -> bytes | None:
        """None if the server does not have it."""
        try:
            return (await self._ask("GET", f"/v1/jobs/{job_id}/artifacts/{name}", b"")).body
        except NoAnswerError:
            return None

    def _order(self, job: JobStory) -> dict[str, Any]:
        content = job.contents[0]
        order: dict[str, Any] = {
            "content_type": "audio",
            "queue": "gpu_priority",
            "filename": f"{job.name}.mp3",
            "options": {"name": job.name},
            "idempotency_key": job.name,
            "max_attempts": job.max_attempts,
        }
        if job.timeout is not None:
            order["timeout_s"] = job.timeout
        if job.has_digest:
            order["sha256"] = job.digest
        if job.name in self.urls:
            return order | {"input_url": self.urls[job.name]}
        return order | {"size": len(content)}

    async def _upload(self, path: str, content: bytes) -> None:
        offset = 0
        while True:
            try:
                reply = await self._ask("HEAD", path, b"", TUS)
                offset = int(reply.header("upload-offset") or "x")
                while offset < len(content):
                    offset = await self._patch(path, content, offset)
            except (NoAnswerError, ValueError):
                await self._rest()
            else:
                return

    async def _patch(self, path: str, content: bytes, offset: int) -> int:
        part = content[offset : offset + PART]
        headers = (
            *TUS,
            ("content-type", "application/offset+octet-stream"),
            ("upload-offset", str(offset)),
            ("upload-checksum", f"sha256 {b64encode(sha256(part).digest()).decode()}"),
        )
        reply = await self._ask("PATCH", path, part, headers)
        return int(reply.header("upload-offset") or "x")

    async def _until_heard(self, method: str, path: str, body: bytes) -> Any:
        while True:
            try:
                reply = await self._ask(method, path, body)
                return _object(reply)
            except NoAnswerError:
                await self._rest()

    async def _ask(
        self, method: str, path: str, body: bytes, more: tuple[tuple[str, str], ...] = ()
    ) -> Reply:
        headers = (("authorization", f"Bearer {self.token}"), *more)
        if body and not more:
            headers = (*headers, ("content-type", "application/json"))
        url = f"http://{house.HOST}{path}"
        call = self.network.call(NAME, method, url, headers, body)
        try:
            async with self.network.send(call, Patience()) as (reply, chunks):
                heard = b"".join([chunk async for chunk in chunks])
        except httpx.HTTPError as error:
            raise NoAnswerError from error
        if reply.status not in SUCCESS:
            raise NoAnswerError(f"{reply.status}")
        return Reply(reply.status, reply.headers, heard)

    async def _rest(self) -> None:
        await asyncio.sleep(self.dice.uniform(0.5, 10.0))


def _object(reply: Reply) -> Any:
    try:
        said = json.loads(reply.body)
    except ValueError as error:
        raise NoAnswerError from error
    if "job_id" not in said:
        raise NoAnswerError
    return said
