"""A spool in memory, with a disk that can be full, and with starts that follow each other."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256

from agent.model.artifact import ARTIFACT_NAME, Artifact
from agent.model.errors import DiskFullError, JobFailedError, SpoolError
from agent.model.failures import FailureCode
from agent.model.held import Finished, Journal
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
        """The jobs that are held, oldest first, each under the latest lease on it."""
        self.kept: dict[LeaseId, tuple[str, FakeJobFolder]] = {}
        """Those that were lost to us, and why."""
        self.aside: list[FakeJobFolder] = []
        """Those whose name a later job took."""
        self.tidied = 0
        self.cannot_remove = cannot_remove
        self.forgetful = forgetful
        """Results are lost on their way to the disk."""
        self.cannot_open = False
        self._boot_seq = boot_seq
        self._left: tuple[FakeJobFolder, ...] = ()

    @property
    def boot_seq(self) -> int:
        return self._boot_seq

    @property
    def is_new(self) -> bool:
        return self._boot_seq == 1

    def adopt_boot(self, boot_seq: int) -> None:
        self._boot_seq = boot_seq
        self.adopted.append(boot_seq)

    async def held(self) -> tuple["FakeJobFolder", ...]:
        return self._left

    async def open_job(self, offer: Offer) -> "FakeJobFolder":
        if self.cannot_open:
            raise SpoolError("cannot use the spool folder")
        folder = FakeJobFolder(self, str(offer.lease_id), Journal(offer=offer))
        for lease_id, other in tuple(self.folders.items()):
            if other.name == folder.name:
                self.aside.append(self.folders.pop(lease_id))
        self.folders[offer.lease_id] = folder
        return folder

    async def tidy(self) -> None:
        """Counted only: no time passes here, so nothing was kept for long."""
        self.tidied += 1

    def free(self) -> Bytes:
        kept = [folder for _, folder in self.kept.values()]
        used = sum(folder.used for folder in [*self.folders.values(), *kept])
        return Bytes(max(0, self.size - used))

    def restarted(self, *, power_cut: bool = False) -> "FakeSpool":
        """As the next start finds it, now; this one may go on, but it no longer matters."""
        later = FakeSpool(
            size=self.size,
            boot_seq=self._boot_seq + 1,
            cannot_remove=self.cannot_remove,
            forgetful=self.forgetful,
        )
        for lease_id, folder in self.folders.items():
            later.folders[lease_id] = folder.restarted(later, power_cut=power_cut)
        for lease_id, (reason, folder) in self.kept.items():
            later.kept[lease_id] = reason, folder.restarted(later, power_cut=power_cut)
        later._left = tuple(later.folders.values())
        return later

    def write_results(self, output: str, files: Mapping[str, bytes]) -> None:
        """What a child does: put files into the folder that it was given."""
        name = output.rpartition("/")[0]
        (folder,) = (one for one in self.folders.values() if one.name == name)
        folder.results.update({} if self.forgetful else files)


class FakeJobFolder:
    def __init__(self, spool: FakeSpool, name: str, journal: Journal) -> None:
        self._spool = spool
        self.name = name
        """Stays when another lease is adopted."""
        self._journal = journal
        self._input = FakePartial(spool)
        self.results: dict[str, bytes] = {}
        self.is_open = True

    @property
    def journal(self) -> Journal:
        return self._journal

    @property
    def input(self) -> "FakePartial":
        return self._input

    @property
    def sealed_input(self) -> bytes | None:
        return bytes(self._input.taken) if self._input.is_sealed else None

    @property
    def used(self) -> int:
        return self._input.length + sum(map(len, self.results.values()))

    async def adopt(self, offer: Offer) -> None:
        folders = self._spool.folders
        before = self._journal.offer.lease_id
        self._journal = replace(self._journal, offer=offer)
        # In place: the oldest stays the first.
        renamed = [
            (offer.lease_id if lease_id == before else lease_id, folder)
            for lease_id, folder in folders.items()
        ]
        folders.clear()
        folders.update(renamed)

    async def seal_input(self) -> str:
        self._input.seal()
        self._journal = replace(self._journal, is_input_whole=True)
        return f"{self.name}/input"

    async def begin(self) -> str:
        computations = self._journal.computations + 1
        self._journal = replace(self._journal, computations=computations, finished=None)
        self.results = {}
        return f"{self.name}/results"

    async def seal(self, produced: Produced, spent: Mapping[str, float]) -> Finished:
        names = [name for name, _ in produced.artifacts]
        if len(set(names)) != len(names):
            raise JobFailedError(FailureCode.INTERNAL, "the pipeline named an artifact twice")
        manifest = tuple(self._seal(name, media_type) for name, media_type in produced.artifacts)
        finished = Finished(manifest=manifest, summary=produced.summary, spent=dict(spent))
        self._journal = replace(self._journal, finished=finished)
        return finished

    async def read(self, artifact: Artifact, offset: Bytes, length: Bytes) -> bytes:
        content = self.results[artifact.name][offset : offset + length]
        if len(content) != length:
            raise SpoolError(f"the result {artifact.name} has been cut short on the disk")
        return content

    async def keep(self, reason: str) -> None:
        self.close()
        lease_id = self._journal.offer.lease_id
        self._spool.kept[lease_id] = reason, self._spool.folders.pop(lease_id)

    async def remove(self) -> None:
        self.close()
        if self._spool.cannot_remove:
            raise SpoolError("cannot use the job's folder")
        self._spool.folders.pop(self._journal.offer.lease_id, None)

    def close(self) -> None:
        self.is_open = False
        self._input.is_open = False

    def restarted(self, spool: FakeSpool, *, power_cut: bool) -> "FakeJobFolder":
        again = FakeJobFolder(spool, self.name, self._journal)
        again._input = self._input.restarted(spool, power_cut=power_cut)
        again.results = dict(self.results)
        finished = self._journal.finished
        if finished is not None and not _are_there(finished, self.results):
            again._journal = replace(self._journal, finished=None)
        return again

    def _seal(self, name: str, media_type: str) -> Artifact:
        if not ARTIFACT_NAME.fullmatch(name):
            raise JobFailedError(FailureCode.INTERNAL, f"the pipeline named an artifact {name!r}")
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
        """Bytes that a kill leaves."""
        self.synced = 0
        """Bytes that a power cut leaves; tests move it, as the disk does now and then."""
        self.is_sealed = False
        self.is_open = True
        self._etag: str | None = None

    @property
    def length(self) -> Bytes:
        return Bytes(len(self.taken))

    @property
    def etag(self) -> str | None:
        return self._etag

    async def restart(self, etag: str | None) -> None:
        self._refuse_change()
        self.taken.clear()
        self.flushed = self.synced = 0
        self._etag = etag

    async def append(self, chunk: bytes) -> None:
        self._refuse_change()
        if len(chunk) > self._spool.free():
            raise DiskFullError("no space left on the disk for the input")
        self.taken += chunk

    async def flush(self) -> None:
        self.flushed = len(self.taken)

    async def digest(self) -> Digest:
        return Digest(sha256(self.taken).hexdigest())

    def seal(self) -> None:
        self.flushed = self.synced = len(self.taken)
        self.is_sealed = True

    def restarted(self, spool: FakeSpool, *, power_cut: bool) -> "FakePartial":
        again = FakePartial(spool)
        left = self.synced if power_cut else self.flushed
        again.taken = self.taken[:left]
        again.flushed = again.synced = left
        again.is_sealed = self.is_sealed
        again._etag = self._etag
        return again

    def _refuse_change(self) -> None:
        if self.is_sealed or not self.is_open:
            raise SpoolError("cannot use the input: it is sealed or closed")


def _are_there(finished: Finished, results: Mapping[str, bytes]) -> bool:
    sizes = {name: len(content) for name, content in results.items()}
    return all(sizes.get(one.name) == one.size for one in finished.manifest)
