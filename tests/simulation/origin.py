"""Another site that holds inputs, and serves them well or badly."""

import re
from collections.abc import Callable, Coroutine, MutableMapping
from dataclasses import dataclass
from typing import Any

from tests.simulation.exchange import App
from tests.simulation.loop import Machine
from tests.simulation.story import JobStory, Source

HOST = "files.example"
_RANGE = re.compile(r"bytes=(\d+)-")


@dataclass
class Origin:
    """A `Host` that never fails by itself."""

    machine: Machine
    jobs: dict[str, JobStory]
    now: Callable[[], float]
    is_off: bool = False

    @property
    def app(self) -> App | None:
        return self._serve

    def start(self, work: Coroutine[Any, Any, None]) -> Any:
        return self.machine.start(work)

    def url(self, job: JobStory) -> str:
        return f"http://{HOST}/{job.name}"

    async def _serve(self, scope: MutableMapping[str, Any], _receive: Any, send: Any) -> None:
        job = self.jobs[scope["path"].lstrip("/")]
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        content, tag = self._version(job)
        status, said, body = _answer(job.source, content, tag, headers)
        raw = [(key.encode(), value.encode()) for key, value in said.items()]
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": body})

    def _version(self, job: JobStory) -> tuple[bytes, str]:
        """It changes while it is fetched, back and forth."""
        number = int(self.now() / 1.5) % len(job.contents)
        tag = f'"{job.name}-{number}"'
        return job.contents[number], f"W/{tag}" if job.source is Source.WEAK_TAG else tag


def _answer(
    source: Source, content: bytes, tag: str, asked: dict[str, str]
) -> tuple[int, dict[str, str], bytes]:
    if source is Source.MADE_AS_ASKED:
        return 200, {"etag": tag}, content
    said = {"etag": tag, "accept-ranges": "bytes"}
    found = _RANGE.fullmatch(asked.get("range", ""))
    is_same = asked.get("if-range") in {None, tag} and not tag.startswith("W/")
    if found is None or source is Source.IGNORES_RANGE or not is_same:
        return 200, said | {"content-length": str(len(content))}, content
    start = int(found[1])
    if start >= len(content):
        return 416, said | {"content-range": f"bytes */{len(content)}"}, b""
    rest = content[start:]
    said["content-range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
    return 206, said | {"content-length": str(len(rest))}, rest
