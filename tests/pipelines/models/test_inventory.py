"""What is here, and whether its bytes are right: real packages, and ones made for the test."""

import base64
import hashlib
import shutil
from pathlib import Path

import pytest

from agent.model.ids import Bytes
from agent.model.work import PipelineSettings
from agent.pipelines.models.catalogue import CATALOGUE, Entry, Purpose, Shipped
from agent.pipelines.models.files import ct2_folder
from agent.pipelines.models.inventory import Copy, State, copies, verified
from agent.pipelines.models.search import models_named

ANIMALS = Entry(
    name="animals",
    purpose=Purpose.LIKENESS,
    licence="MIT",
    size=Bytes(4),
    packages=(Shipped("animals", "animals/*.bin"), Shipped("more-animals", "more/*.bin")),
)


def install(site: Path, distribution: str, folder: str, content: bytes) -> Path:
    """A package as pip leaves it."""
    (site / folder).mkdir()
    file = site / folder / "weights.bin"
    file.write_bytes(content)
    (site / folder / "__init__.py").touch()
    digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).rstrip(b"=").decode()
    record = site / f"{distribution.replace('-', '_')}-1.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (record / "RECORD").write_text(
        f"{folder}/__init__.py,,\n{folder}/weights.bin,sha256={digest},{len(content)}\n"
    )
    return file


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    return folder


def test_a_model_in_several_packages_is_here_only_if_all_of_them_are(site: Path) -> None:
    first = install(site, "animals", "animals", b"cats")
    assert list(copies(ANIMALS, None)) == []

    install(site, "more-animals", "more", b"dogs")

    assert list(copies(ANIMALS, None)) == [Copy(ANIMALS, first, Bytes(8), is_package=True)]


def test_a_package_is_checked_against_the_list_of_its_files(site: Path) -> None:
    install(site, "animals", "animals", b"cats")
    second = install(site, "more-animals", "more", b"dogs")
    (copy,) = copies(ANIMALS, None)
    assert verified(copy).state is State.WHOLE

    second.write_bytes(b"dots")

    assert verified(copy).state is State.DAMAGED
    assert f"{second} is damaged" in verified(copy).flaws[0]


def test_a_file_of_a_package_that_has_gone_is_missed(site: Path) -> None:
    install(site, "animals", "animals", b"cats")
    second = install(site, "more-animals", "more", b"dogs")
    (copy,) = copies(ANIMALS, None)

    second.unlink()

    assert verified(copy).flaws == (f"{second} is missing",)


@pytest.mark.parametrize("name", ["tiny.en", "base", "silero-vad-v6"])
def test_the_real_packages_are_found_and_whole(name: str) -> None:
    copy = next(copies(CATALOGUE[name], None))

    assert verified(copy).state is State.WHOLE
    assert abs(copy.size - copy.entry.size) < copy.entry.size // 50


def test_what_was_joined_of_two_packages_is_checked_too(tmp_path: Path) -> None:
    settings = PipelineSettings(model="base", models_folder=str(tmp_path))
    folder = ct2_folder(next(models_named("base", str(tmp_path))), settings)

    shipped, joined = copies(CATALOGUE["base"], str(tmp_path))

    assert shipped.is_package
    assert joined.path == folder
    assert verified(joined).state is State.WHOLE
    with (folder / "model.bin").open("r+b") as file:
        file.write(b"!")
    assert verified(joined).state is State.DAMAGED


def put_snapshot(home: Path, content: bytes, blob: str) -> Path:
    """A folder as the hub's own library keeps it: names are links to contents."""
    root = home / ".cache/huggingface/hub/models--Systran--faster-whisper-small"
    snapshot, blobs = root / "snapshots" / "abc", root / "blobs"
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    (blobs / blob).write_bytes(content)
    (snapshot / "model.bin").symlink_to(blobs / blob)
    for name in ("config.json", "tokenizer.json"):
        git = hashlib.sha1(b"blob 2\0{}").hexdigest()  # noqa: S324
        (blobs / git).write_bytes(b"{}")
        (snapshot / name).symlink_to(blobs / git)
    return snapshot


def test_the_cache_of_the_hubs_library_tells_the_digests_itself(bare_home: Path) -> None:
    right = hashlib.sha256(b"weights").hexdigest()
    snapshot = put_snapshot(bare_home, b"weights", right)
    (copy,) = copies(CATALOGUE["small"], None)
    assert (copy.path, verified(copy).state) == (snapshot, State.WHOLE)

    (snapshot / "model.bin").write_bytes(b"weighty")

    assert verified(copy).state is State.DAMAGED


def test_what_nobody_knows_the_digest_of_is_neither_whole_nor_damaged(tmp_path: Path) -> None:
    folder = tmp_path / "medium"
    folder.mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (folder / name).write_bytes(b"mine")
    (copy,) = copies(CATALOGUE["medium"], str(tmp_path))

    assert verified(copy).state is State.UNKNOWN
    shutil.rmtree(folder)
    assert list(copies(CATALOGUE["medium"], str(tmp_path))) == []
