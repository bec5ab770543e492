"""Which bytes a model must have, and whether it has them."""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO

from agent.model.ids import Digest
from agent.pipelines.models.files import whole_file
from agent.pipelines.models.packages import shipped_files

RECORD = "morag-fetched.json"
"""In a folder that this agent fetched: where from, and the SHA-256 of each file."""
_SHA256_DIGITS, _SHA1_DIGITS = 64, 40


class Algorithm(StrEnum):
    SHA256 = "sha256"
    GIT_BLOB = "git-sha1"
    """What git calls a file by: the hub has nothing better for small ones."""


@dataclass(frozen=True, slots=True)
class Expected:
    """One file, and the digest that somebody who made it wrote down."""

    path: Path
    algorithm: Algorithm
    digest: str


def flaw(expected: Expected) -> str | None:
    """What is wrong with the file, in a sentence without its end; reads every byte."""
    try:
        found = digest_of(expected.path, expected.algorithm)
    except FileNotFoundError:
        return f"{expected.path} is missing"
    except OSError as error:
        return f"{expected.path} cannot be read ({error.strerror})"
    if found == expected.digest:
        return None
    what = f"its {expected.algorithm} is {found}, but should be {expected.digest}"
    return f"{expected.path} is damaged: {what}"


def digest_of(path: Path, algorithm: Algorithm) -> str:
    with path.open("rb") as file:
        if algorithm is Algorithm.SHA256:
            return hashlib.file_digest(file, "sha256").hexdigest()
        return _git_blob(file, path.stat().st_size)


def _git_blob(file: BinaryIO, size: int) -> str:
    digest = hashlib.sha1(b"blob %d\0" % size, usedforsecurity=False)
    while chunk := file.read(1 << 20):
        digest.update(chunk)
    return digest.hexdigest()


def write_record(folder: Path, repository: str, revision: str) -> None:
    """So that `verify` can tell, years later, whether the disk has kept every byte."""
    files = {
        path.name: digest_of(path, Algorithm.SHA256)
        for path in sorted(folder.iterdir())
        if path.name != RECORD
    }
    content = {"repository": repository, "revision": revision, "sha256": files}
    with whole_file(folder / RECORD) as file:
        file.write(json.dumps(content, indent=2).encode())


def expected_in(path: Path) -> tuple[Expected, ...]:
    """For a model's folder or file; none where nobody wrote a digest down."""
    if (path / RECORD).is_file():
        return tuple(_recorded(path))
    if path.is_dir():
        return tuple(_in_hub_cache(path))
    return ()


def expected_in_package(distribution: str, pattern: str) -> Iterator[Expected]:
    """From the list of files that pip keeps of what it has installed."""
    for file in shipped_files(distribution, pattern):
        if file.hash is not None and file.hash.mode == "sha256":
            raw = base64.urlsafe_b64decode(file.hash.value + "==")
            yield Expected(Path(str(file.locate())), Algorithm.SHA256, raw.hex())


def _recorded(folder: Path) -> Iterator[Expected]:
    try:
        digests = json.loads((folder / RECORD).read_bytes())["sha256"]
        named = [(str(name), Digest(digest)) for name, digest in digests.items()]
    except (ValueError, KeyError, TypeError, AttributeError):
        # A record that is no record: that is a flaw of the folder, and shown as one.
        named = [(RECORD, Digest("a list of digests"))]
    for name, digest in named:
        yield Expected(folder / Path(name).name, Algorithm.SHA256, digest)


def _in_hub_cache(folder: Path) -> Iterator[Expected]:
    """The hub's library names each file that it keeps by the digest of its content."""
    for link in sorted(folder.iterdir()):
        name = link.resolve().name if link.is_symlink() else ""
        if len(name) == _SHA256_DIGITS:
            yield Expected(link, Algorithm.SHA256, name)
        elif len(name) == _SHA1_DIGITS:
            yield Expected(link, Algorithm.GIT_BLOB, name)
