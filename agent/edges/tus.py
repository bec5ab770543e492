"""Uploads by tus 1.0.0: creation with upload, checksum, and the server's word on the offset."""

import asyncio
import base64
import hashlib
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from urllib.parse import urlsplit

from agent.edges.http import OK, STALL_TIMEOUT, Answer, Connection
from agent.edges.job_traffic import JobTraffic, nobody
from agent.edges.lanes import FreeLane
from agent.edges.problems import error_of
from agent.model.errors import (
    RequestRefusedError,
    ServerError,
    ServerUnavailableError,
    TooLargeError,
    UploadGoneError,
)
from agent.model.ids import Bytes
from agent.ports import Lane, Upload
from agent.wire.base import TUS_VERSION

SLOWEST = 1024
"""Bytes a second; a part that comes slower than this is cut."""
PIECE = 64 * 1024
"""Written at once; one that takes a minute goes slower than that."""
NEVER = 365 * 24 * 3600.0
"""A deadline where others watch."""
GONE = (404, 410)
"""An answer to HEAD has no body and so no code: its status alone says that nothing is there."""
ALGORITHMS = ("sha256", "sha1")
"""For checksums, the better one first; tus knows others too."""
_OCTETS = "application/offset+octet-stream"
_OFFSET = re.compile(r"[0-9]{1,18}")


class TusClient:
    """Any number of uploads; `headers` go with every request to our server (`Agent-Boot-Id`)."""

    def __init__(
        self,
        connection: Connection,
        headers: Mapping[str, str] | None = None,
        *,
        stall: float = STALL_TIMEOUT,
        traffic: JobTraffic | None = None,
        lane: Lane | None = None,
    ) -> None:
        self._connection = connection
        self._stall = stall
        self._traffic = traffic or JobTraffic(nobody)
        self._lane = lane or FreeLane()
        self._headers = dict(headers or {})
        self._algorithms: dict[str, str | None] = {}
        """By host, where it was asked: what it can check. None: nothing."""

    async def create(
        self, url: str, *, size: int, metadata: Mapping[str, str], first: bytes = b""
    ) -> Upload:
        """Announce an upload and send its first bytes with the same request.

        A server may ignore `first`, or hold more already: `Upload.offset` says where to go on.
        """
        headers = {"Upload-Length": str(size), "Upload-Metadata": _encode(metadata)}
        if first:
            headers |= {"Content-Type": _OCTETS, **self._checksum(url, first)}
        answer = await self._send("POST", url, first, headers)
        location = answer.headers.get("location")
        if location is None:
            raise ServerUnavailableError("the server created an upload without an address")
        told = answer.headers.get("upload-offset")
        upload_url = self._connection.resolve(location)
        if told is None:
            return Upload(upload_url, await self.offset(upload_url))
        return Upload(upload_url, _number(told))

    async def offset(self, upload_url: str) -> Bytes:
        url = self._connection.resolve(upload_url)
        try:
            async with (
                asyncio.timeout(self._stall),
                self._connection.stream("HEAD", url, headers=self._with_ours(url)) as response,
            ):
                if response.status_code in GONE:
                    raise UploadGoneError(f"the server answered {response.status_code}")
                if response.status_code not in OK:
                    raise error_of(response.status_code, response.headers, b"")
                await response.aread()  # Nothing; but only then is the connection kept.
                return _number(response.headers.get("upload-offset", ""))
        except TimeoutError as error:
            raise ServerUnavailableError(f"no answer within {self._stall:g} s") from error

    async def append(self, upload_url: str, offset: Bytes, data: bytes) -> Bytes:
        headers = {
            "Content-Type": _OCTETS,
            "Upload-Offset": str(offset),
            **self._checksum(upload_url, data),
        }
        answer = await self._send("PATCH", upload_url, data, headers)
        return _number(answer.headers.get("upload-offset", ""))

    async def _send(self, method: str, url: str, data: bytes, headers: Mapping[str, str]) -> Answer:
        there = self._connection.resolve(url)
        await self._lane.enter()
        try:
            async with (
                asyncio.timeout(self._stall + len(data) / SLOWEST) as whole,
                asyncio.timeout(self._stall) as each,
            ):
                return await self._connection.call(
                    method,
                    there,
                    content=self._pieces(data, whole, each),
                    headers={**self._with_ours(there), "Content-Length": str(len(data)), **headers},
                    deadline=NEVER,
                )
        except TimeoutError as error:
            raise ServerUnavailableError("the upload fell under 1 KiB a second") from error
        except (RequestRefusedError, ServerUnavailableError) as error:
            if "Upload-Checksum" in headers and _may_be_about_the_checksum(error):
                await self._ask_for_algorithms(there)
            raise

    async def _pieces(
        self, data: bytes, whole: asyncio.Timeout, each: asyncio.Timeout
    ) -> AsyncIterator[bytes]:
        """Both wait for the server alone: not while our own limits hold a piece up."""
        loop, view = asyncio.get_running_loop(), memoryview(data)
        size = min(PIECE, self._lane.piece)
        for at in range(0, len(data), size):
            piece, left = bytes(view[at : at + size]), (whole.when() or 0.0) - loop.time()
            for timer in (whole, each):
                timer.reschedule(None)
            await self._lane.carry(len(piece))
            whole.reschedule(loop.time() + left)
            each.reschedule(loop.time() + self._stall)
            yield piece
            # Whoever asks for the next one has written those before it.
            self._traffic.on_sent(len(piece))
        each.reschedule(loop.time() + self._stall)

    async def _ask_for_algorithms(self, url: str) -> None:
        """What the server can check, where its refusal may have been about that."""
        host = urlsplit(url).netloc
        if host in self._algorithms:
            return
        with suppress(ServerError):
            answer = await self._connection.call("OPTIONS", url, headers=self._with_ours(url))
            extensions = _listed(answer, "tus-extension")
            if extensions:
                known = _listed(answer, "tus-checksum-algorithm")
                can_check = known if "checksum" in extensions else []
                self._algorithms[host] = next((a for a in ALGORITHMS if a in can_check), None)

    def _checksum(self, url: str, data: bytes) -> dict[str, str]:
        host = urlsplit(self._connection.resolve(url)).netloc
        algorithm = self._algorithms.get(host, ALGORITHMS[0])
        if algorithm is None:
            return {}
        digest = hashlib.new(algorithm, data, usedforsecurity=False).digest()
        return {"Upload-Checksum": f"{algorithm} {base64.b64encode(digest).decode()}"}

    def _with_ours(self, url: str) -> dict[str, str]:
        ours = self._headers if self._connection.is_own(url) else {}
        return {"Tus-Resumable": TUS_VERSION, **ours}


def _may_be_about_the_checksum(error: ServerError) -> bool:
    if isinstance(error, ServerUnavailableError):
        return error.answered
    return not isinstance(error, TooLargeError)


def _listed(answer: Answer, header: str) -> list[str]:
    return [name.strip() for name in answer.headers.get(header, "").split(",") if name.strip()]


def _encode(metadata: Mapping[str, str]) -> str:
    pairs = (
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items()
    )
    return ",".join(pairs)


def _number(text: str) -> Bytes:
    if not _OFFSET.fullmatch(text):
        raise ServerUnavailableError(f"the server's Upload-Offset is {text!r}")
    return Bytes(int(text))
