"""A spool in memory, with a disk that can be full."""

from hashlib import sha256

from agent.model.artifact import Artifact
from agent.model.errors import DiskFullError, JobFailedError, SpoolError
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, Digest, LeaseId
from agent.model.lease import Offer
from agent.model.work import Produced


class FakeSpool:
    def __init__(
        self,
        *,
        size: int = 1 << 40,
        boot_seq: int = 1,
        cannot_remove: bool = False,
        forgetful: bool = False,
    ) -> None:
        self.size = size
        self.adopted: list[int] = []
        self.folders: dict[LeaseId, FakeJobFolder] = {}
        """Those that were not removed."""
        self.cannot_remove = cannot_remove
        self.forgetful = forgetful
        """Results are lost on their way to the disk."""
        self._boot_seq = boot_seq

    @property
    def boot_seq(self) -> int:
        return self._boot_seq

    @property
    def is_new(self) -> bool:
        return self._boot_seq == 1

    def adopt_boot(self, boot_seq: int) -> None:
        self._boot_seq = boot_seq
        self.adopted.append(boot_seq)

    async def open_job(self, offer: Offer) -> "FakeJobFolder":
        folder = self.folders[offer.lease_id] = FakeJobFolder(self, offer.lease_id)
        return folder

    def free(self) -> Bytes:
        used = sum(folder.used for folder in self.folders.values())
        return Bytes(max(0, self.size - used))

    def write_results(self, output: str, files: dict[str, bytes]) -> None:
        """What a child does: put files into the folder that it was given."""
        lease_id = LeaseId(output.split("/", maxsplit=1)[0])
        self.folders[lease_id].results.update({} if self.forgetful else files)


class FakeJobFolder:
    def __init__(self, spool: FakeSpool, lease_id: LeaseId) -> None:
        self._spool = spool
        self._lease_id = lease_id
        self._input = FakePartial(spool)
        self.sealed_input: bytes | None = None
        self.results: dict[str, bytes] = {}

    @property
    def input(self) -> "FakePartial":
        return self._input

    @property
    def used(self) -> int:
        return self._input.length + sum(map(len, self.results.values()))

    async def seal_input(self) -> str:
        self.sealed_input = bytes(self._input.taken)
        return f"{self._lease_id}/input"

    async def fresh_output(self) -> str:
        self.results = {}
        return f"{self._lease_id}/results"

    async def seal(self, produced: Produced) -> tuple[Artifact, ...]:
        return tuple(self._seal(name, media_type) for name, media_type in produced.artifacts)

    async def read(self, artifact: Artifact, offset: Bytes, length: Bytes) -> bytes:
        content = self.results[artifact.name][offset : offset + length]
        if len(content) != length:
            raise SpoolError(f"the result {artifact.name} has been cut short on the disk")
        return content

    async def remove(self) -> None:
        if self._spool.cannot_remove:
            raise SpoolError("cannot use the job's folder")
        del self._spool.folders[self._lease_id]

    def _seal(self, name: str, media_type: str) -> Artifact:
        if name not in self.results:
            raise JobFailedError(FailureCode.INTERNAL, f"the pipeline did not write {name}")
        content = self.results[name]
        digest = Digest(sha256(content).hexdigest())
        return Artifact(name, media_type, Bytes(len(content)), digest)


class FakePartial:
    def __init__(self, spool: FakeSpool) -> None:
        self._spool = spool
        self.taken = bytearray()
        self.flushed = 0
        self._etag: str | None = None

    @property
    def length(self) -> Bytes:
        return Bytes(len(self.taken))

    @property
    def etag(self) -> str | None:
        return self._etag

    async def restart(self, etag: str | None) -> None:
        self.taken.clear()
        self.flushed = 0
        self._etag = etag

    async def append(self, chunk: bytes) -> None:
        if len(chunk) > self._spool.free():
            raise DiskFullError("no space left on the disk for the input")
        self.taken += chunk

    async def flush(self) -> None:
        self.flushed = len(self.taken)

    async def digest(self) -> Digest:
        return Digest(sha256(self.taken).hexdigest())
