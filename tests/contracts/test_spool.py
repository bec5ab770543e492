"""What every spool must do, fake or on disk."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest

from agent.edges.spool import DiskSpool
from agent.model.artifact import Artifact
from agent.model.errors import JobFailedError, SpoolError
from agent.model.failures import FailureCode
from agent.model.held import Finished, Journal
from agent.model.ids import Bytes, Digest, LeaseId
from agent.model.lease import Offer, Stage
from agent.model.work import Produced
from agent.ports import JobFolder, Spool
from tests.fakes.spool import FakeSpool
from tests.runtime.world import offer_of

pytestmark = pytest.mark.real_time

CONTENT = b"0123456789"
OFFER = offer_of(content=CONTENT, prompt="the user's")
SPENT = {"download": 1.5, "process": 60.0}


def lease(lease_id: str) -> Offer:
    return replace(OFFER, lease_id=LeaseId(lease_id), artifacts_url=f"/leases/{lease_id}/artifacts")


@dataclass
class Kind:
    spool: Spool
    root: Path

    def write(self, output: str, files: Mapping[str, bytes]) -> None:
        """What a child does with the folder that it was given."""
        if isinstance(self.spool, FakeSpool):
            self.spool.write_results(output, files)
            return
        for name, content in files.items():
            path = Path(output) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    async def sealed(self, files: Mapping[str, bytes]) -> tuple[JobFolder, tuple[Artifact, ...]]:
        folder = await self.spool.open_job(OFFER)
        return folder, (await self.compute(folder, files)).manifest

    async def compute(self, folder: JobFolder, files: Mapping[str, bytes]) -> Finished:
        self.write(await folder.begin(), files)
        return await folder.seal(produced(*files), SPENT)

    async def restart(self, *, power_cut: bool = False) -> tuple[JobFolder, ...]:
        """End this start and begin the next one; the jobs that it finds."""
        if isinstance(self.spool, FakeSpool):
            self.spool = self.spool.restarted(power_cut=power_cut)
        elif isinstance(self.spool, DiskSpool):
            self.spool.close()
            machine = "another boot" if power_cut else "one boot"
            self.spool = DiskSpool(self.root, machine_boot=machine)
        return await self.spool.held()

    async def found_again(self, *, power_cut: bool = False) -> JobFolder:
        (folder,) = await self.restart(power_cut=power_cut)
        return folder


@pytest.fixture(params=["fake", "disk"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    if request.param == "fake":
        yield Kind(FakeSpool(), tmp_path)
        return
    kind = Kind(DiskSpool(tmp_path / "spool", machine_boot="one boot"), tmp_path / "spool")
    yield kind
    assert isinstance(kind.spool, DiskSpool)
    kind.spool.close()


def produced(*names: str) -> Produced:
    return Produced(tuple((name, "a/b") for name in names), {"words": 7})


async def downloaded(folder: JobFolder, content: bytes = CONTENT) -> None:
    await folder.input.restart('"v1"')
    await folder.input.append(content)
    await folder.input.flush()


def test_a_new_spool_has_the_first_boot_number(kind: Kind) -> None:
    assert (kind.spool.boot_seq, kind.spool.is_new) == (1, True)


async def test_the_next_start_has_the_next_boot_number(kind: Kind) -> None:
    await kind.restart()

    assert (kind.spool.boot_seq, kind.spool.is_new) == (2, False)


async def test_a_boot_number_that_was_adopted_is_ours(kind: Kind) -> None:
    kind.spool.adopt_boot(42)
    assert (kind.spool.boot_seq, kind.spool.is_new) == (42, False)

    await kind.restart()

    assert kind.spool.boot_seq == 43


def test_an_empty_spool_has_room(kind: Kind) -> None:
    assert kind.spool.free() > 0


async def test_an_empty_spool_holds_nothing(kind: Kind) -> None:
    assert await kind.spool.held() == ()


async def test_a_job_that_was_opened_is_held_by_the_next_start(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    assert folder.journal == Journal(offer=OFFER)
    folder.close()

    again = await kind.found_again()

    assert again.journal == Journal(offer=OFFER)
    assert again.journal.stage is Stage.DOWNLOADING
    again.close()


async def test_jobs_are_found_oldest_first(kind: Kind) -> None:
    names = [f"lease-{n}" for n in range(12)]
    for name in names[:6]:
        (await kind.spool.open_job(lease(name))).close()
    await kind.restart()
    for name in names[6:]:
        (await kind.spool.open_job(lease(name))).close()

    found = await kind.restart()

    assert [folder.journal.offer.lease_id for folder in found] == names


async def test_an_input_grows_by_what_is_appended(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)

    await folder.input.restart('"v1"')
    await folder.input.append(b"01234")
    await folder.input.append(b"56789")

    assert (folder.input.length, folder.input.etag) == (10, '"v1"')
    assert await folder.input.digest() == sha256(b"0123456789").hexdigest()
    await folder.remove()


async def test_flushing_changes_nothing_that_is_seen(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await folder.input.append(b"01234")

    await folder.input.flush()
    await folder.input.append(b"56789")

    assert folder.input.length == 10
    assert await folder.input.digest() == sha256(b"0123456789").hexdigest()
    await folder.remove()


async def test_a_restart_forgets_bytes_and_version(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await folder.input.restart('"v1"')
    await folder.input.append(b"old")
    await folder.input.flush()

    await folder.input.restart(None)
    await folder.input.append(b"new!")

    assert (folder.input.length, folder.input.etag) == (4, None)
    assert await folder.input.digest() == sha256(b"new!").hexdigest()
    await folder.remove()


async def test_an_input_goes_on_where_a_kill_cut_it(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await downloaded(folder, b"01234")
    await folder.input.append(b"56")  # in memory only
    folder.close()

    again = await kind.found_again()
    assert (again.input.length, again.input.etag) == (5, '"v1"')
    await again.input.append(b"56789")

    assert await again.input.digest() == sha256(CONTENT).hexdigest()
    await again.remove()


async def test_what_a_power_cut_leaves_of_an_input_is_its_beginning(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await downloaded(folder)
    folder.close()

    again = await kind.found_again(power_cut=True)

    length = again.input.length
    assert length <= len(CONTENT)
    assert await again.input.digest() == sha256(CONTENT[:length]).hexdigest()
    assert again.input.etag == '"v1"'
    await again.remove()


async def test_a_version_is_never_mixed_with_the_bytes_of_another(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await downloaded(folder, b"of the old version")
    await folder.input.restart('"v2"')
    folder.close()

    again = await kind.found_again()

    assert (again.input.length, again.input.etag) == (0, '"v2"')
    await again.remove()


async def test_two_leases_share_nothing(kind: Kind) -> None:
    one = await kind.spool.open_job(OFFER)
    two = await kind.spool.open_job(lease("lease-2"))

    await one.input.append(b"one")

    assert two.input.length == 0
    assert await one.begin() != await two.begin()
    await one.remove()
    await two.remove()


async def test_an_input_is_sealed_under_a_name_of_its_own(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await downloaded(folder)
    assert folder.journal.stage is Stage.DOWNLOADING

    path = await folder.seal_input()

    assert path.endswith("/input")
    assert folder.journal == Journal(offer=OFFER, is_input_whole=True)
    await folder.remove()


async def test_sealing_an_input_may_be_repeated(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await downloaded(folder)
    path = await folder.seal_input()
    assert await folder.seal_input() == path
    folder.close()

    again = await kind.found_again()

    assert await again.seal_input() == path
    await again.remove()


@pytest.mark.parametrize("power_cut", [False, True])
async def test_a_sealed_input_is_whole_at_the_next_start(kind: Kind, power_cut: bool) -> None:
    folder = await kind.spool.open_job(OFFER)
    await downloaded(folder)
    await folder.seal_input()
    folder.close()

    again = await kind.found_again(power_cut=power_cut)

    assert again.journal == Journal(offer=OFFER, is_input_whole=True)
    assert again.journal.stage is Stage.QUEUED
    assert again.input.length == len(CONTENT)
    assert await again.input.digest() == sha256(CONTENT).hexdigest()
    await again.remove()


async def test_nothing_changes_a_sealed_input(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await downloaded(folder)
    await folder.seal_input()

    with pytest.raises(SpoolError):
        await folder.input.restart('"v2"')

    assert await folder.input.digest() == sha256(CONTENT).hexdigest()
    await folder.remove()


@pytest.mark.parametrize("power_cut", [False, True])
async def test_an_adopted_lease_is_the_one_that_the_next_start_finds(
    kind: Kind, power_cut: bool
) -> None:
    folder = await kind.spool.open_job(OFFER)
    await downloaded(folder)
    await folder.seal_input()

    await folder.adopt(lease("lease-2"))

    assert folder.journal == Journal(offer=lease("lease-2"), is_input_whole=True)
    folder.close()
    again = await kind.found_again(power_cut=power_cut)
    assert again.journal == Journal(offer=lease("lease-2"), is_input_whole=True)
    await again.remove()


async def test_an_input_under_way_stays_when_a_lease_is_adopted(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await downloaded(folder, b"01234")
    await folder.adopt(lease("lease-2"))
    await folder.input.append(b"56789")

    assert await folder.input.digest() == sha256(CONTENT).hexdigest()
    await folder.remove()


async def test_a_computation_under_an_adopted_lease_finds_its_results(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    output = await folder.begin()
    await folder.adopt(lease("lease-2"))
    kind.write(output, {"a.md": b"# A\n"})

    finished = await folder.seal(produced("a.md"), SPENT)

    assert await folder.read(finished.manifest[0], Bytes(0), Bytes(4)) == b"# A\n"
    assert folder.journal.offer == lease("lease-2")
    await folder.remove()


@pytest.mark.parametrize("power_cut", [False, True])
async def test_a_computation_that_began_is_counted(kind: Kind, power_cut: bool) -> None:
    folder = await kind.spool.open_job(OFFER)
    await folder.begin()
    await folder.begin()
    assert folder.journal.computations == 2
    folder.close()

    again = await kind.found_again(power_cut=power_cut)

    assert again.journal == Journal(offer=OFFER, computations=2)
    assert again.journal.stage is Stage.PROCESSING
    await again.remove()


async def test_results_are_sealed_with_size_and_digest(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)

    finished = await kind.compute(folder, {"a.md": b"# A\n", "pages/b.md": b""})

    assert finished == Finished(
        manifest=(
            Artifact("a.md", "a/b", Bytes(4), Digest(sha256(b"# A\n").hexdigest())),
            Artifact("pages/b.md", "a/b", Bytes(0), Digest(sha256(b"").hexdigest())),
        ),
        summary={"words": 7},
        spent=SPENT,
    )
    assert folder.journal == Journal(offer=OFFER, computations=1, finished=finished)
    await folder.remove()


@pytest.mark.parametrize("power_cut", [False, True])
async def test_a_finished_result_is_there_at_the_next_start(kind: Kind, power_cut: bool) -> None:
    folder = await kind.spool.open_job(OFFER)
    finished = await kind.compute(folder, {"a.md": b"# A\n", "pages/b.md": b""})
    folder.close()

    again = await kind.found_again(power_cut=power_cut)

    assert again.journal == Journal(offer=OFFER, computations=1, finished=finished)
    assert again.journal.stage is Stage.UPLOADING
    assert await again.read(finished.manifest[0], Bytes(0), Bytes(4)) == b"# A\n"
    await again.remove()


@pytest.mark.parametrize("files", [("a.md", "missing.md"), ("../input",), ("a.md", "a.md")])
async def test_results_that_nobody_may_have_fail_the_job(
    kind: Kind, files: tuple[str, ...]
) -> None:
    folder = await kind.spool.open_job(OFFER)
    kind.write(await folder.begin(), {"a.md": b"# A\n"})

    with pytest.raises(JobFailedError) as failed:
        await folder.seal(produced(*files), SPENT)

    assert failed.value.code is FailureCode.INTERNAL
    assert folder.journal.finished is None
    await folder.remove()


async def test_a_computation_begins_in_an_empty_folder(kind: Kind) -> None:
    folder, _ = await kind.sealed({"a.md": b"# A\n"})

    await folder.begin()

    with pytest.raises(JobFailedError):
        await folder.seal(produced("a.md"), SPENT)
    await folder.remove()


async def test_a_computation_that_begins_again_forgets_the_result_before_it(kind: Kind) -> None:
    folder, _ = await kind.sealed({"a.md": b"# A\n"})
    await folder.begin()
    folder.close()

    again = await kind.found_again()

    assert again.journal == Journal(offer=OFFER, computations=2)
    await again.remove()


async def test_results_are_read_in_parts(kind: Kind) -> None:
    folder, (artifact,) = await kind.sealed({"a.md": b"0123456789"})

    parts = [
        await folder.read(artifact, Bytes(0), Bytes(4)),
        await folder.read(artifact, Bytes(4), Bytes(6)),
        await folder.read(artifact, Bytes(10), Bytes(0)),
    ]

    assert parts == [b"0123", b"456789", b""]
    await folder.remove()


async def test_reading_past_the_end_is_an_error_of_the_spool(kind: Kind) -> None:
    folder, (artifact,) = await kind.sealed({"a.md": b"0123456789"})

    with pytest.raises(SpoolError):
        await folder.read(artifact, Bytes(8), Bytes(4))

    await folder.remove()


async def test_a_job_that_was_removed_is_gone(kind: Kind) -> None:
    folder, _ = await kind.sealed({"a.md": b"# A\n"})
    await folder.remove()

    assert await kind.restart() == ()


async def test_removing_may_be_repeated(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await folder.remove()

    await folder.remove()


async def test_a_job_that_was_kept_is_held_no_more(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    other = await kind.spool.open_job(lease("lease-2"))
    other.close()

    await folder.keep("superseded")

    found = await kind.found_again()
    assert found.journal.offer == lease("lease-2")
    found.close()


async def test_tidying_leaves_the_jobs_alone(kind: Kind) -> None:
    (await kind.spool.open_job(OFFER)).close()
    await kind.spool.tidy()

    assert (await kind.found_again()).journal.offer == OFFER


async def test_a_lease_that_comes_again_begins_empty(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await downloaded(folder)
    await folder.remove()

    again = await kind.spool.open_job(OFFER)

    assert again.input.length == 0
    await again.remove()


async def test_a_lease_that_comes_again_while_its_files_lie_there_begins_empty(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await downloaded(folder)
    folder.close()

    again = await kind.spool.open_job(OFFER)

    assert (again.input.length, again.journal) == (0, Journal(offer=OFFER))
    again.close()
    assert (await kind.found_again()).input.length == 0


async def test_letting_go_of_a_folder_loses_nothing(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await downloaded(folder)
    folder.close()
    folder.close()

    with pytest.raises(SpoolError):
        await folder.input.restart('"v2"')
    assert (await kind.found_again()).input.length == len(CONTENT)
