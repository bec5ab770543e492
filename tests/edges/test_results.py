import hashlib
import os
import socket
from pathlib import Path

import pytest

from agent.edges import results
from agent.model.artifact import Artifact
from agent.model.errors import JobFailedError, SpoolError
from agent.model.ids import Bytes, Digest
from agent.model.work import Produced


@pytest.fixture
def output(tmp_path: Path) -> Path:
    (tmp_path / "token").write_bytes(b"secret")
    output = tmp_path / "results"
    output.mkdir()
    return output


def put(output: Path, files: dict[str, bytes]) -> None:
    for name, content in files.items():
        (output / name).parent.mkdir(exist_ok=True)
        (output / name).write_bytes(content)


def produced(*names: str) -> Produced:
    return Produced(tuple((name, "text/markdown") for name in names), {})


def artifact(name: str, content: bytes) -> Artifact:
    digest = Digest(hashlib.sha256(content).hexdigest())
    return Artifact(name, "text/markdown", Bytes(len(content)), digest)


def test_a_sealed_result_has_its_size_and_digest(output: Path) -> None:
    put(output, {"a.md": b"abc", "pages/1.md": b""})

    sealed = results.seal(output, produced("a.md", "pages/1.md"))

    assert sealed == (artifact("a.md", b"abc"), artifact("pages/1.md", b""))


def test_no_result_at_all_can_be_sealed(output: Path) -> None:
    assert results.seal(output, produced()) == ()


def test_a_large_result_is_hashed_whole(output: Path) -> None:
    content = os.urandom(3 * 1024 * 1024 + 1)
    put(output, {"a.bin": content})

    assert results.seal(output, produced("a.bin")) == (artifact("a.bin", content),)


def test_an_artifact_that_is_named_twice_fails_the_job(output: Path) -> None:
    put(output, {"a.md": b"x"})

    with pytest.raises(JobFailedError, match="twice"):
        results.seal(output, produced("a.md", "a.md"))


@pytest.mark.parametrize("name", ["../token", "/etc/passwd", ".hidden", "a/b/c", "", "a\n", "."])
def test_a_name_that_the_protocol_forbids_fails_the_job(output: Path, name: str) -> None:
    put(output, {"a.md": b"abc"})

    with pytest.raises(JobFailedError, match="the pipeline named an artifact"):
        results.seal(output, produced("a.md", name))


def test_a_result_that_was_not_written_fails_the_job(output: Path) -> None:
    with pytest.raises(JobFailedError, match=r"the pipeline did not write a\.md"):
        results.seal(output, produced("a.md"))


def test_a_link_to_a_secret_is_no_result(output: Path) -> None:
    (output / "a.md").symlink_to(output.parent / "token")

    with pytest.raises(JobFailedError, match="did not write"):
        results.seal(output, produced("a.md"))


def test_a_folder_that_leads_to_a_secret_is_no_result(output: Path) -> None:
    (output / "pages").symlink_to(output.parent)

    with pytest.raises(JobFailedError, match="did not write"):
        results.seal(output, produced("pages/token"))


def test_an_output_that_leads_to_a_secret_holds_no_result(output: Path) -> None:
    output.rmdir()
    output.symlink_to(output.parent)

    with pytest.raises(JobFailedError, match="did not write"):
        results.seal(output, produced("token"))


def test_a_pipe_a_socket_and_a_folder_are_no_results(output: Path) -> None:
    os.mkfifo(output / "pipe")
    (output / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(output / "socket"))

        for name in ("pipe", "folder", "socket"):
            with pytest.raises(JobFailedError, match=f"did not write {name}"):
                results.seal(output, produced(name))


def test_a_result_is_read_in_parts(output: Path) -> None:
    put(output, {"pages/a.md": b"abcdef"})
    (sealed,) = results.seal(output, produced("pages/a.md"))

    assert results.read(output, sealed, 2, 3) == b"cde"


def test_a_result_that_was_cut_short_is_not_sent(output: Path) -> None:
    put(output, {"a.md": b"abc"})

    with pytest.raises(SpoolError, match=r"a\.md has been cut short"):
        results.read(output, artifact("a.md", b"abcdef"), 2, 3)


def test_a_result_that_became_a_link_is_not_sent(output: Path) -> None:
    (output / "a.md").symlink_to(output.parent / "token")

    with pytest.raises(OSError, match="symbolic links"):
        results.read(output, artifact("a.md", b"secret"), 0, 6)


def test_results_that_are_there_byte_for_byte_are_sound(output: Path) -> None:
    put(output, {"a.md": b"abc", "pages/1.md": b""})
    manifest = results.seal(output, produced("a.md", "pages/1.md"))

    assert results.damaged(output, manifest) == ()


def test_what_is_gone_cut_rotten_or_no_file_any_more_is_damaged(output: Path) -> None:
    names = ("gone", "cut", "rotten", "link", "folder", "pages/1.md")
    put(output, dict.fromkeys(names, b"secret"))
    manifest = results.seal(output, produced(*names))

    for name in ("gone", "link", "folder", "pages/1.md"):
        (output / name).unlink()
    (output / "cut").write_bytes(b"secre")
    (output / "rotten").write_bytes(b"Secret")
    (output / "link").symlink_to(output.parent / "token")
    (output / "folder").mkdir()
    (output / "pages").rmdir()

    assert results.damaged(output, manifest) == names


def test_without_an_output_everything_is_damaged(output: Path) -> None:
    output.rmdir()

    assert results.damaged(output, (artifact("a.md", b"abc"),)) == ("a.md",)
