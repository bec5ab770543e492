import hashlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from agent.edges.spool import DiskSpool
from agent.model.artifact import Artifact
from agent.model.errors import ConfigError, JobFailedError, SpoolError
from agent.model.ids import Bytes, Digest
from agent.model.work import Produced
from agent.ports import JobFolder
from tests.edges.server import an_offer

pytestmark = pytest.mark.real_time

AGENT = """
import sys, time
from pathlib import Path
from agent.edges.spool import DiskSpool

print(DiskSpool(Path(sys.argv[1])).boot_seq, flush=True)
time.sleep(60)
"""


@contextmanager
def spool_at(root: Path) -> Iterator[DiskSpool]:
    spool = DiskSpool(root)
    try:
        yield spool
    finally:
        spool.close()


def boot_at(root: Path) -> int:
    with spool_at(root) as spool:
        return spool.boot_seq


def files_below(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*") if path.is_file()}


async def folder_with(spool: DiskSpool, files: dict[str, bytes]) -> tuple[JobFolder, Path]:
    folder = await spool.open_job(an_offer())
    output = Path(await folder.fresh_output())
    for name, content in files.items():
        (output / name).parent.mkdir(exist_ok=True)
        (output / name).write_bytes(content)
    return folder, output


def produced(*names: str) -> Produced:
    return Produced(tuple((name, "text/markdown") for name in names), {})


def test_the_first_start_has_the_first_boot_number(tmp_path: Path) -> None:
    with spool_at(tmp_path / "spool") as spool:
        assert (spool.boot_seq, spool.is_new) == (1, True)


def test_the_boot_number_rises_at_every_start(tmp_path: Path) -> None:
    assert [boot_at(tmp_path) for _ in range(3)] == [1, 2, 3]


def test_a_second_start_is_not_new(tmp_path: Path) -> None:
    boot_at(tmp_path)

    with spool_at(tmp_path) as spool:
        assert not spool.is_new


def test_a_boot_number_that_was_adopted_is_on_disk(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        spool.adopt_boot(41)
        assert spool.boot_seq == 41

    assert boot_at(tmp_path) == 42


def test_the_boot_number_survives_a_kill(tmp_path: Path) -> None:
    numbers: list[bytes] = []
    for _ in range(2):
        agent = subprocess.Popen(
            [sys.executable, "-c", AGENT, str(tmp_path)], stdout=subprocess.PIPE
        )
        with agent:
            assert agent.stdout is not None
            numbers.append(agent.stdout.readline())
            agent.send_signal(signal.SIGKILL)

    assert numbers == [b"1\n", b"2\n"]
    assert boot_at(tmp_path) == 3


@pytest.mark.parametrize(
    "torn",
    [
        b"",
        b'{"boot_se',
        b"[]",
        b"null",
        b"{}",
        b'{"boot_seq": "many"}',
        b'{"boot_seq": null}',
        b'{"boot_seq": -7}',
        b'{"boot_seq": Infinity}',
        b'{"boot_seq": 1e300}',
        b'{"boot_seq": 9007199254740992}',
        b"\xff\x00",
    ],
)
def test_a_torn_boot_number_begins_anew_and_asks_the_server(tmp_path: Path, torn: bytes) -> None:
    boot_at(tmp_path)
    (tmp_path / "morag-spool.json").write_bytes(torn)

    with spool_at(tmp_path) as spool:
        assert (spool.boot_seq, spool.is_new) == (1, True)


def test_a_second_agent_is_refused_in_a_clear_sentence(tmp_path: Path) -> None:
    with spool_at(tmp_path), pytest.raises(ConfigError) as caught:
        DiskSpool(tmp_path)

    assert str(caught.value) == (
        f"another agent uses the spool folder {tmp_path}: stop it, "
        "or give this one a folder of its own with --spool"
    )


def test_a_refused_agent_leaves_the_first_ones_jobs_alone(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        (tmp_path / "held" / "held").mkdir()
        with pytest.raises(ConfigError):
            DiskSpool(tmp_path)

        assert (tmp_path / "held" / "held").exists()
        assert spool.boot_seq == 1


def test_a_folder_is_free_again_when_its_agent_has_gone(tmp_path: Path) -> None:
    boot_at(tmp_path)

    assert boot_at(tmp_path) == 2


def test_what_an_older_start_left_is_removed(tmp_path: Path) -> None:
    boot_at(tmp_path)
    (tmp_path / "held" / "old").mkdir()
    (tmp_path / "held" / "old" / "input.part").write_bytes(b"old")

    boot_at(tmp_path)

    assert files_below(tmp_path) == {"morag-spool.json", "lock"}


def test_a_folder_with_other_things_in_it_is_refused_and_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "held").mkdir()
    (tmp_path / "held" / "thesis").write_bytes(b"years")

    with pytest.raises(ConfigError, match="holds other things and is no spool"):
        DiskSpool(tmp_path)

    assert files_below(tmp_path) == {"held/thesis"}


def test_a_start_that_was_cut_short_can_be_repeated(tmp_path: Path) -> None:
    (tmp_path / "lock").touch()
    (tmp_path / "morag-spool.json.new").touch()

    assert boot_at(tmp_path) == 1


async def test_an_artifact_that_is_named_twice_fails_the_job(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        folder, _ = await folder_with(spool, {"a.md": b"x"})

        with pytest.raises(JobFailedError, match="twice"):
            await folder.seal(produced("a.md", "a.md"))
        await folder.remove()


def test_a_spool_where_a_file_lies_is_told(tmp_path: Path) -> None:
    (tmp_path / "spool").write_bytes(b"a file")

    with pytest.raises(SpoolError, match=f"cannot use the spool folder {tmp_path}/spool"):
        DiskSpool(tmp_path / "spool")


def test_a_link_in_place_of_the_jobs_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.mkdir()
    (precious / "thesis").write_bytes(b"years")
    boot_at(tmp_path / "spool")
    (tmp_path / "spool" / "held").rmdir()
    (tmp_path / "spool" / "held").symlink_to(precious)

    with pytest.raises(SpoolError, match="cannot use the spool folder"):
        DiskSpool(tmp_path / "spool")

    assert (precious / "thesis").read_bytes() == b"years"


def test_free_space_is_that_of_the_spools_file_system(tmp_path: Path) -> None:
    system = os.statvfs(tmp_path)

    with spool_at(tmp_path) as spool:
        assert spool.free() == pytest.approx(system.f_bavail * system.f_frsize, rel=0.2)


@pytest.mark.parametrize("lease_id", ["../../etc", "/etc/passwd", "a" * 500, "", "ü/\x00"])
async def test_a_lease_id_never_becomes_a_path(tmp_path: Path, lease_id: str) -> None:
    with spool_at(tmp_path) as spool:
        folder = await spool.open_job(an_offer(lease_id))
        await folder.input.append(b"abc")

        path = await folder.seal_input()

        (name,) = files_below(tmp_path / "held")
        assert str(tmp_path / "held" / name) == path


async def test_two_leases_have_two_folders(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        first = await (await spool.open_job(an_offer("l1"))).seal_input()
        second = await (await spool.open_job(an_offer("l2"))).seal_input()

        assert first != second


async def test_an_input_is_sealed_under_one_plain_name(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        folder = await spool.open_job(an_offer())
        await folder.input.append(b"abc")

        path = await folder.seal_input()

        assert Path(path).name == "input"
        assert {name.rpartition("/")[2] for name in files_below(tmp_path / "held")} == {"input"}


async def test_an_output_is_fresh_each_time(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        folder, output = await folder_with(spool, {"old.md": b"of a child that crashed"})

        again = await folder.fresh_output()

        assert again == str(output)
        assert list(output.iterdir()) == []


async def test_a_sealed_result_has_its_size_and_digest(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        folder, _ = await folder_with(spool, {"a.md": b"abc", "pages/1.md": b""})

        sealed = await folder.seal(produced("a.md", "pages/1.md"))

        assert sealed == (
            artifact("a.md", b"abc"),
            artifact("pages/1.md", b""),
        )


async def test_a_large_result_is_hashed_whole(tmp_path: Path) -> None:
    content = os.urandom(3 * 1024 * 1024 + 1)

    with spool_at(tmp_path) as spool:
        folder, _ = await folder_with(spool, {"a.bin": content})

        assert await folder.seal(produced("a.bin")) == (artifact("a.bin", content),)


@pytest.mark.parametrize("name", ["../input.part", "/etc/passwd", ".hidden", "a/b/c", "", "a\n"])
async def test_a_name_that_the_protocol_forbids_fails_the_job(tmp_path: Path, name: str) -> None:
    with spool_at(tmp_path) as spool:
        folder, _ = await folder_with(spool, {"a.md": b"abc"})

        with pytest.raises(JobFailedError, match="the pipeline named an artifact"):
            await folder.seal(produced("a.md", name))


async def test_a_result_that_was_not_written_fails_the_job(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        folder, _ = await folder_with(spool, {})

        with pytest.raises(JobFailedError, match=r"the pipeline did not write a\.md"):
            await folder.seal(produced("a.md"))


async def test_a_link_to_a_secret_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"secret")

    with spool_at(tmp_path / "spool") as spool:
        folder, output = await folder_with(spool, {})
        (output / "a.md").symlink_to(tmp_path / "token")

        with pytest.raises(JobFailedError, match="did not write"):
            await folder.seal(produced("a.md"))


async def test_a_folder_that_leads_to_a_secret_is_no_result(tmp_path: Path) -> None:
    (tmp_path / "token").write_bytes(b"secret")

    with spool_at(tmp_path / "spool") as spool:
        folder, output = await folder_with(spool, {})
        (output / "pages").symlink_to(tmp_path)

        with pytest.raises(JobFailedError, match="did not write"):
            await folder.seal(produced("pages/token"))


async def test_a_pipe_is_no_result(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        folder, output = await folder_with(spool, {})
        os.mkfifo(output / "a.md")

        with pytest.raises(JobFailedError, match="did not write"):
            await folder.seal(produced("a.md"))


async def test_a_result_is_read_in_parts(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        folder, _ = await folder_with(spool, {"a.md": b"abcdef"})
        (sealed,) = await folder.seal(produced("a.md"))

        assert await folder.read(sealed, Bytes(2), Bytes(3)) == b"cde"


async def test_a_result_that_was_cut_short_is_not_sent(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        folder, output = await folder_with(spool, {"a.md": b"abcdef"})
        (sealed,) = await folder.seal(produced("a.md"))
        (output / "a.md").write_bytes(b"abc")

        with pytest.raises(SpoolError, match=r"a\.md has been cut short"):
            await folder.read(sealed, Bytes(2), Bytes(3))


async def test_a_job_that_is_over_leaves_nothing(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        folder, _ = await folder_with(spool, {"a.md": b"abc"})
        await folder.input.append(b"abc")

        await folder.remove()

        assert list((tmp_path / "held").iterdir()) == []


async def test_a_lease_that_comes_again_finds_a_new_folder(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        folder, _ = await folder_with(spool, {"a.md": b"abc"})
        await folder.remove()

        again = await spool.open_job(an_offer())

        assert again.input.length == 0


async def test_what_a_job_keeps_is_its_owners_alone(tmp_path: Path) -> None:
    with spool_at(tmp_path) as spool:
        folder, output = await folder_with(spool, {})
        path = Path(await folder.seal_input())

        modes = [path.stat().st_mode & 0o077 for path in (path, path.parent, output)]

        assert modes == [0, 0, 0]


def artifact(name: str, content: bytes) -> Artifact:
    digest = Digest(hashlib.sha256(content).hexdigest())
    return Artifact(name, "text/markdown", Bytes(len(content)), digest)
