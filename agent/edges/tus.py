"""Uploads by tus 1.0.0: creation with upload, checksum, and the server's word on the offset."""

import base64
import hashlib
import re
from collections.abc import Mapping

from agent.edges.http import OK, STALL_TIMEOUT, Answer, Connection
from agent.edges.problems import error_of
from agent.model.errors import ServerUnavailableError, UploadGoneError
from agent.model.ids import Bytes
from agent.ports import Upload
from agent.wire.base import TUS_VERSION

SLOWEST = 1024
"""Bytes a second; a part that comes slower than this is cut."""
GONE = (404, 410)
"""An answer to HEAD has no body and so no code: its status alone says that nothing is there."""
_OCTETS = "application/offset+octet-stream"
_OFFSET = re.compile(r"[0-9]{1,18}")


class TusClient:
    """One conversation at a time; `headers` go with every request (`Agent-Boot-Id`)."""

    def __init__(self, connection: Connection, headers: Mapping[str, str] | None = None) -> None:
        self._connection = connection
        self._headers = {"Tus-Resumable": TUS_VERSION, **(headers or {})}

    async def create(
        self, url: str, *, size: int, metadata: Mapping[str, str], first: bytes = b""
    ) -> Upload:
        """Announce an upload and send its first bytes with the same request.

        A server may ignore `first`, or hold more already: `Upload.offset` says where to go on.
        """
        headers = {"Upload-Length": str(size), "Upload-Metadata": _encode(metadata)}
        if first:
            headers |= {"Content-Type": _OCTETS}
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
        async with self._connection.stream("HEAD", url, headers=self._headers) as response:
            if response.status_code in GONE:
                raise UploadGoneError(f"the server answered {response.status_code}")
            if response.status_code not in OK:
                raise error_of(response.status_code, response.headers, b"")
            return _number(response.headers.get("upload-offset", ""))

    async def append(self, upload_url: str, offset: Bytes, data: bytes) -> Bytes:
        digest = base64.b64encode(hashlib.sha256(data).digest()).decode()
        headers = {
            "Content-Type": _OCTETS,
            "Upload-Offset": str(offset),
            "Upload-Checksum": f"sha256 {digest}",
        }
        answer = await self._send("PATCH", upload_url, data, headers)
        return _number(answer.headers.get("upload-offset", ""))

    async def _send(self, method: str, url: str, data: bytes, headers: Mapping[str, str]) -> Answer:
        return await self._connection.call(
            method,
            self._connection.resolve(url),
            content=data,
            headers={**self._headers, **headers},
            deadline=STALL_TIMEOUT + len(data) / SLOWEST,
        )


def _encode(metadata: Mapping[str, str]) -> str:
    pairs = (
        f"{key} {base64.b64encode(value.encode()).decode()}" for key, value in metadata.items()
    )
    return ",".join(pairs)


def _number(text: str) -> Bytes:
    if not _OFFSET.fullmatch(text):
        raise ServerUnavailableError(f"the server's Upload-Offset is {text!r}")
    return Bytes(int(text))
