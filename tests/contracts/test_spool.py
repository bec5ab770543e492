"""What every spool must do, fake or on disk."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

import pytest

from agent.edges.spool import DiskSpool
from agent.model.artifact import Artifact
from agent.model.errors import JobFailedError, SpoolError
from agent.model.failures import FailureCode
from agent.model.ids import Bytes, Digest, LeaseId
from agent.model.work import Produced
from agent.ports import JobFolder, Spool
from tests.fakes.spool import FakeSpool
from tests.runtime.world import offer_of

pytestmark = pytest.mark.real_time

OFFER = offer_of()


@dataclass
class Kind:
    spool: Spool

    def write(self, output: str, files: dict[str, bytes]) -> None:
        """What a child does with the folder that it was given."""
        if isinstance(self.spool, FakeSpool):
            self.spool.write_results(output, files)
            return
        for name, content in files.items():
            path = Path(output) / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)

    async def sealed(self, files: dict[str, bytes]) -> tuple[JobFolder, tuple[Artifact, ...]]:
        folder = await self.spool.open_job(OFFER)
        self.write(await folder.fresh_output(), files)
        return folder, await folder.seal(Produced(tuple((name, "a/b") for name in files), {}))


@pytest.fixture(params=["fake", "disk"])
def kind(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Kind]:
    if request.param == "fake":
        yield Kind(FakeSpool())
        return
    spool = DiskSpool(tmp_path / "spool")
    yield Kind(spool)
    spool.close()


def test_a_new_spool_has_the_first_boot_number(kind: Kind) -> None:
    assert (kind.spool.boot_seq, kind.spool.is_new) == (1, True)


def test_a_boot_number_that_was_adopted_is_ours(kind: Kind) -> None:
    kind.spool.adopt_boot(42)

    assert (kind.spool.boot_seq, kind.spool.is_new) == (42, False)


def test_an_empty_spool_has_room(kind: Kind) -> None:
    assert kind.spool.free() > 0


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


async def test_two_leases_share_nothing(kind: Kind) -> None:
    one = await kind.spool.open_job(OFFER)
    two = await kind.spool.open_job(replace(OFFER, lease_id=LeaseId("lease-2")))

    await one.input.append(b"one")

    assert two.input.length == 0
    assert await one.fresh_output() != await two.fresh_output()
    await one.remove()
    await two.remove()


async def test_an_input_is_sealed_under_a_name_of_its_own(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await folder.input.append(b"whole")

    path = await folder.seal_input()

    assert path.endswith("/input")
    await folder.remove()


async def test_results_are_sealed_with_size_and_digest(kind: Kind) -> None:
    folder, artifacts = await kind.sealed({"a.md": b"# A\n", "pages/b.md": b""})

    assert artifacts == (
        Artifact("a.md", "a/b", Bytes(4), Digest(sha256(b"# A\n").hexdigest())),
        Artifact("pages/b.md", "a/b", Bytes(0), Digest(sha256(b"").hexdigest())),
    )
    await folder.remove()


async def test_a_fresh_output_is_empty(kind: Kind) -> None:
    folder, _ = await kind.sealed({"a.md": b"# A\n"})

    await folder.fresh_output()

    with pytest.raises(JobFailedError) as failed:
        await folder.seal(Produced((("a.md", "a/b"),), {}))
    assert failed.value.code is FailureCode.INTERNAL
    await folder.remove()


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


async def test_a_lease_that_comes_again_begins_empty(kind: Kind) -> None:
    folder = await kind.spool.open_job(OFFER)
    await folder.input.append(b"old")
    await folder.remove()

    again = await kind.spool.open_job(OFFER)

    assert again.input.length == 0
    await again.remove()
