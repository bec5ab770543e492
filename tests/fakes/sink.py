"""An artifact sink that keeps tus's rules in the memory of the fake server."""

from collections import deque
from dataclasses import dataclass, field

from agent.model.artifact import Artifact
from agent.model.errors import (
    AgentError,
    OffsetMismatchError,
    ServerUnavailableError,
    TooLargeError,
    UploadGoneError,
)
from agent.model.ids import Bytes, Instant, LeaseId
from agent.ports import Upload
from tests.fakes.ledger import FakeUpload
from tests.fakes.server import FakeConnection


@dataclass
class FakeSink:
    connection: FakeConnection
    largest: int = 1 << 40
    """More bytes than that in one request are refused."""
    takes_first: bool = True
    """Keep the bytes that come with the creation; a server need not."""
    keeps: int = 1 << 40
    """Of every part, only so many bytes reach the disk."""
    cuts: deque[int] = field(default_factory=deque[int])
    """Of each of the next parts only so many bytes arrive, and the connection breaks."""
    bytes_per_s: float = float("inf")
    errors: dict[str, deque[AgentError]] = field(default_factory=dict[str, deque[AgentError]])
    """By method: raised one by one, before anything is done."""
    sent: list[tuple[str, int]] = field(default_factory=list[tuple[str, int]])
    """The method and the bytes of every request."""

    @property
    def transport(self) -> str:
        return "tus"

    async def create(self, url: str, artifact: Artifact, first: bytes) -> Upload:
        lease_id = LeaseId(url.split("/")[2])
        self._note("create", len(first))
        async with self.connection.server.call(
            "upload", self.connection.agent, self.connection.boot, lease_id
        ):
            await self._transfer(first)
            uploads = self.connection.server.use(lease_id).uploads
            upload = uploads.get(artifact.name)
            if upload is None or upload.artifact != artifact:
                upload = uploads[artifact.name] = FakeUpload(artifact)
                upload.received += first[: self.keeps] if self.takes_first else b""
        return Upload(f"{url}/{artifact.name}", Bytes(len(upload.received)))

    async def offset(self, upload_url: str) -> Bytes:
        self._note("offset", 0)
        lease_id = LeaseId(upload_url.split("/")[2])
        async with self.connection.server.call(
            "upload", self.connection.agent, self.connection.boot, lease_id
        ):
            upload = self._find(upload_url)
        return Bytes(len(upload.received))

    async def append(self, upload_url: str, offset: Bytes, data: bytes) -> Bytes:
        self._note("append", len(data))
        lease_id = LeaseId(upload_url.split("/")[2])
        async with self.connection.server.call(
            "upload", self.connection.agent, self.connection.boot, lease_id
        ):
            upload = self._find(upload_url)
            if offset != len(upload.received):
                raise OffsetMismatchError("the server holds another number of bytes")
            arrived = data[: self.cuts.popleft()] if self.cuts else data
            await self._transfer(arrived)
            upload.received += arrived[: self.keeps]
            if len(arrived) < len(data):
                raise ServerUnavailableError("the connection broke")
        return Bytes(len(upload.received))

    def _find(self, upload_url: str) -> FakeUpload:
        _, _, lease_id, _, name = upload_url.split("/", 4)
        uploads = self.connection.server.use(LeaseId(lease_id)).uploads
        if name not in uploads:
            raise UploadGoneError("no such upload")
        return uploads[name]

    def _note(self, method: str, size: int) -> None:
        self.sent.append((method, size))
        if self.errors.get(method):
            raise self.errors[method].popleft()
        if size > self.largest:
            raise TooLargeError(f"{size} bytes are too many")

    async def _transfer(self, data: bytes) -> None:
        clock = self.connection.server.clock
        await clock.sleep_until(Instant(clock.now() + len(data) / self.bytes_per_s))
