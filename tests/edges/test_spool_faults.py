"""Every call of one job's life fails, in every way.

The next start finds the state before the step that failed, or the one after it, and never less
than what was promised.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from agent.edges.job_folder import DiskJobFolder
from agent.edges.spool import DiskSpool
from agent.model.errors import SpoolError
from agent.model.ids import Bytes, Digest, LeaseId
from agent.model.lease import Offer
from agent.model.work import Produced
from tests.edges.faulty_disk import CALLS, Fault, FaultyDisk, Killed
from tests.edges.server import an_offer

CONTENT = b"0123456789abcdefghijklm"
RESULTS = {"a.md": b"# A\n", "pages/1.md": b"one"}
pytestmark = pytest.mark.slow

SIZE = len(CONTENT)
CHECKPOINT = 8
BATCH = 5
NAME = sha256(b"l1").hexdigest()[:32]
MKDIR = os.mkdir


@dataclass(frozen=True)
class State:
    """What a start can find of the job."""

    place: str = "nowhere"
    lease: str = ""
    etag: str | None = None
    length: int = 0
    is_whole: bool = False
    computations: int = 0
    is_finished: bool = False


@dataclass
class Life:
    """One job, from the first start on; each step says what it promises."""

    root: Path
    ending: str
    promised: State = State()
    """By the last step that returned."""
    next: State = State()
    """By the step under way."""
    boot: int = 0
    folder: DiskJobFolder | None = None
    spools: list[DiskSpool] = field(default_factory=list[DiskSpool])
    troubles: list[str] = field(default_factory=list[str])
    """What the disk was accused of."""

    async def run(self, step: Callable[[], Awaitable[object]], **promise: object) -> None:
        self.next = replace(self.promised, **promise)  # type: ignore[arg-type]
        await step()
        self.promised = self.next

    async def live(self, *, patiently: bool = False) -> None:
        for step, promise in self.steps():
            try:
                await self.run(step, **promise)
            except SpoolError as error:
                if not patiently:
                    raise
                self.troubles.append(f"{error}: {error.__cause__!r}")
                # As the next attempt would: with what is there now.
                await self.run(step, **promise)

    def steps(self) -> list[tuple[Callable[[], Awaitable[object]], dict[str, object]]]:
        return [
            (self.start, {}),
            (self.open, {"place": "held", "lease": "l1"}),
            (lambda: self.job.input.restart('"v1"'), {"etag": '"v1"'}),
            (lambda: self.take(10), {"length": 10}),
            (lambda: self.adopt("l2"), {"lease": "l2"}),
            (lambda: self.take(SIZE), {"length": SIZE}),
            (self.seal_input, {"is_whole": True}),
            (self.job_begins, {"computations": 1}),
            (self.compute, {"is_finished": True}),
            (lambda: self.adopt("l3"), {"lease": "l3"}),
            (self.job_begins, {"computations": 2, "is_finished": False}),
            (self.compute, {"is_finished": True}),
            (self.end, {"place": {"keep": "kept", "remove": "nowhere"}[self.ending]}),
        ]

    @property
    def job(self) -> DiskJobFolder:
        assert self.folder is not None
        return self.folder

    async def start(self) -> None:
        spool = DiskSpool(self.root, machine_boot="one boot", checkpoint=CHECKPOINT)
        self.spools.append(spool)
        self.boot = spool.boot_seq
        assert await spool.held() == ()

    async def open(self) -> None:
        self.folder = await self.spools[-1].open_job(offer("l1"))

    async def adopt(self, lease_id: str) -> None:
        await self.job.adopt(offer(lease_id))

    async def take(self, end: int) -> None:
        """What a download does: go on where we are, or from the start if all was lost."""
        part = self.job.input
        if not part.length:
            await part.restart('"v1"')
        for at in range(part.length, end, BATCH):
            await part.append(CONTENT[at : min(end, at + BATCH)])
            await part.flush()

    async def seal_input(self) -> None:
        await self.take(SIZE)
        await self.job.seal_input()

    async def job_begins(self) -> None:
        await self.job.begin()

    async def compute(self) -> None:
        fill(self.root / "held" / NAME / "results")
        await self.job.seal(Produced(tuple((name, "a/b") for name in RESULTS), {}), {})

    async def end(self) -> None:
        await (self.job.keep("superseded") if self.ending == "keep" else self.job.remove())

    def close(self) -> None:
        if self.folder is not None:
            self.folder.close()
        for spool in self.spools:
            spool.close()


def offer(lease_id: str) -> Offer:
    told = an_offer()
    whole = replace(told.input, size=Bytes(SIZE), sha256=Digest(sha256(CONTENT).hexdigest()))
    return replace(told, lease_id=LeaseId(lease_id), input=whole)


def fill(results: Path) -> None:
    """What the child does, whose disk is not the faulty one."""
    for name, content in RESULTS.items():
        parent = (results / name).parent
        if not parent.exists():
            MKDIR(parent)
        (results / name).write_bytes(content)


def observe(root: Path, machine_boot: str) -> tuple[State, int]:
    """What a start finds on a disk that works; it finds nothing that is not as it says."""

    async def look() -> tuple[State, int]:
        spool = DiskSpool(root, machine_boot=machine_boot)
        try:
            return await found_by(spool, root), spool.boot_seq
        finally:
            spool.close()

    disk = FaultyDisk()
    with closing(disk), disk.in_place(), capture_logs() as logs:
        found = asyncio.run(look())
    assert logs == []
    for folder in ("aside", "trash"):
        assert list((root / folder).iterdir()) == []
    return found


async def found_by(spool: DiskSpool, root: Path) -> State:
    jobs = await spool.held()
    if not jobs:
        return State("kept" if list((root / "kept").iterdir()) else "nowhere")
    (job,) = jobs
    length = job.input.length
    assert await job.input.digest() == sha256(CONTENT[:length]).hexdigest()
    journal = job.journal
    for artifact in journal.finished.manifest if journal.finished else ():
        content = await job.read(artifact, Bytes(0), artifact.size)
        assert content == RESULTS[artifact.name]
    job.close()
    return State(
        place="held",
        lease=journal.offer.lease_id,
        etag=None if journal.is_input_whole else job.input.etag,
        length=length,
        is_whole=journal.is_input_whole,
        computations=journal.computations,
        is_finished=journal.finished is not None,
    )


def check(found: State, life: Life, *, at_least: int) -> None:
    """The old state or the new one; of an input under way any beginning, from `at_least` on."""
    states = [life.promised, life.next]
    assert simple(found) in [simple(one) for one in states]
    if found.place == "held":
        assert at_least <= found.length <= life.next.length
        assert found.is_whole or found.etag in {one.etag for one in states}


def simple(state: State) -> State:
    if state.place != "held":
        return State(state.place)
    return replace(state, etag=None, length=len(CONTENT) if state.is_whole else 0)


def lived(root: Path, ending: str, disk: FaultyDisk, *, patiently: bool = False) -> Life:
    life = Life(root, ending)
    with disk.in_place():
        try:
            asyncio.run(life.live(patiently=patiently))
        except Killed:
            assert disk.is_dead
        except SpoolError as error:
            life.troubles.append(f"{error}: {error.__cause__!r}")
            assert disk.fault is not None
    life.close()
    return life


def check_memory(life: Life, found: State) -> None:
    """After a failure a folder never says more of itself than the disk does."""
    if life.folder is None or found.place != "held":
        return
    journal = life.folder.journal
    said = replace(
        found,
        lease=journal.offer.lease_id,
        is_whole=journal.is_input_whole,
        computations=journal.computations,
        is_finished=journal.finished is not None,
    )
    assert simple(said) in [simple(life.promised), simple(found)]


def moments_of_a_life(root: Path, ending: str) -> range:
    """The numbers of its calls, and the moment after the last."""
    disk = FaultyDisk()
    life = lived(root, ending, disk)
    disk.close()
    assert life.promised == life.next
    assert set(disk.calls) == set(CALLS)
    return range(1, len(disk.calls) + 2)


@pytest.mark.parametrize("ending", ["keep", "remove"])
def test_a_life_without_faults_ends_as_promised(tmp_path: Path, ending: str) -> None:
    assert len(moments_of_a_life(tmp_path / "spool", ending)) > 50

    (found, boot) = observe(tmp_path / "spool", "one boot")

    assert (found.place, boot) == ({"keep": "kept", "remove": "nowhere"}[ending], 2)


@pytest.mark.parametrize("ending", ["keep", "remove"])
@pytest.mark.parametrize("kind", ["kill", "torn"])
def test_a_kill_at_any_call_leaves_the_old_state_or_the_new(
    tmp_path: Path, kind: str, ending: str
) -> None:
    for at in moments_of_a_life(tmp_path / "spool", ending):
        root = tmp_path / str(at)
        disk = FaultyDisk(Fault(at, kind))
        life = lived(root, ending, disk)
        disk.close()

        found, boot = observe(root, "one boot")

        assert boot > life.boot
        check(found, life, at_least=life.promised.length)


@pytest.mark.parametrize("ending", ["keep", "remove"])
@pytest.mark.parametrize("how", ["synced", "names", "holes"])
def test_a_power_cut_at_any_call_leaves_the_old_state_or_the_new(
    tmp_path: Path, how: str, ending: str
) -> None:
    for at in moments_of_a_life(tmp_path / "spool", ending):
        box = tmp_path / str(at)
        box.mkdir()
        disk = FaultyDisk(Fault(at, "kill"))
        life = lived(box / "spool", ending, disk)
        disk.cut_power(box, tmp_path / f"{at}-left", how)
        disk.close()

        found, boot = observe(tmp_path / f"{at}-left" / "spool", "another boot")

        assert boot > life.boot
        check(found, life, at_least=life.promised.length - CHECKPOINT - BATCH + 1)


@pytest.mark.parametrize("ending", ["keep", "remove"])
@pytest.mark.parametrize("kind", ["broken", "full"])
def test_a_disk_that_refuses_any_call_leaves_the_old_state_or_the_new(
    tmp_path: Path, kind: str, ending: str
) -> None:
    for at in moments_of_a_life(tmp_path / "spool", ending):
        root = tmp_path / str(at)
        disk = FaultyDisk(Fault(at, kind))
        life = lived(root, ending, disk)
        disk.close()

        found, boot = observe(root, "one boot")

        assert boot > life.boot
        check(found, life, at_least=0)
        check_memory(life, found)


@pytest.mark.parametrize("ending", ["keep", "remove"])
def test_what_failed_once_can_be_repeated(tmp_path: Path, ending: str) -> None:
    for at in moments_of_a_life(tmp_path / "spool", ending):
        root = tmp_path / str(at)
        disk = FaultyDisk(Fault(at, "broken"))
        life = lived(root, ending, disk, patiently=True)
        disk.close()

        found, _ = observe(root, "one boot")

        assert life.promised == life.next, (at, disk.calls, life.troubles)
        assert found.place == life.promised.place
