"""Nothing that a file could gain from taking over its reader can be done behind the walls.

Every act is tried behind both walls, and behind each alone: what one of them has to stop, it stops
without the other.
"""

import json
import socket
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest

from agent.model.ids import JsonObject
from agent.pipelines.box.confinement import ALL_WALLS, LANDLOCK, SECCOMP, Wall, state
from tests.pipelines.box.conftest import probe_behind

TRUNCATE_ABI, NETWORK_ABI, SCOPES_ABI = 3, 4, 6
REFUSALS = {"EPERM", "EACCES", "ENOSYS", "EXDEV"}
BY_LANDLOCK = "READING WRITING LINKS SPECIAL PROGRAMS TRACING LIMITS"
BY_NEWER_LANDLOCK = (
    ("CUTTING", TRUNCATE_ABI),
    ("TCP", NETWORK_ABI),
    ("ABSTRACT SIGNALS", SCOPES_ABI),
)
BY_SECCOMP = (
    "CUTTING SPECIAL MARKS TCP SOCKETS ABSTRACT PROGRAMS PROCESSES SIGNALS OTHERS TRACING"
    " KERNEL LIMITS SUICIDE"
)
BY_BOTH = "READING WRITING LINKS " + BY_SECCOMP

pytestmark = pytest.mark.skipif(
    not state().are_whole, reason=f"this system has {state()}, so there are no walls to try"
)


@dataclass(frozen=True)
class Attempt:
    """What was tried, and what is true of the victims afterwards."""

    endings: Mapping[str, str]
    file_is_whole: bool
    secret_is_unmarked: bool
    stayed_inside: bool


def attempt(folder: Path, groups: str, walls: frozenset[Wall] = ALL_WALLS) -> Attempt:
    file, secret, scratch = folder / "file", folder / "secret", folder / "scratch"
    file.write_text("the file " * 100)
    secret.write_text("nobody's business")
    secret.chmod(0o644)
    before = secret.stat()
    scratch.mkdir()
    with listeners(folder) as (port, local, abstract):
        around = {"secret": str(secret), "port": port, "local": local, "abstract": abstract}
        arguments: JsonObject = {"around": json.dumps(around), "groups": groups}
        endings = probe_behind(walls).read("try_acts", file, scratch, arguments)
    after = secret.stat()
    return Attempt(
        endings={name: str(ending) for name, ending in endings.items()},
        file_is_whole=file.exists() and file.stat().st_size == 900,
        secret_is_unmarked=(before.st_mode, before.st_mtime) == (after.st_mode, after.st_mtime),
        stayed_inside={path.name for path in folder.iterdir()}
        == {"file", "secret", "scratch", "s"},
    )


class listeners:  # noqa: N801 - reads as the context that it is
    """Somebody to connect to: a port, a local socket, an abstract one."""

    def __init__(self, folder: Path) -> None:
        self._path = str(folder / "s")
        self._open = ExitStack()

    def __enter__(self) -> tuple[int, str, str]:
        abstract = f"\0{uuid4().hex}"
        tcp = self._listen(socket.AF_INET, ("127.0.0.1", 0))
        self._listen(socket.AF_UNIX, self._path)
        self._listen(socket.AF_UNIX, abstract)
        port: int = tcp.getsockname()[1]
        return port, self._path, abstract

    def _listen(self, family: socket.AddressFamily, address: object) -> socket.socket:
        listener = self._open.enter_context(socket.socket(family))
        listener.bind(address)  # type: ignore[arg-type]
        listener.listen()
        return listener

    def __exit__(self, *_: object) -> None:
        self._open.close()


def done(attempt: Attempt) -> dict[str, str]:
    """What was not refused."""
    return {name: how for name, how in attempt.endings.items() if how not in REFUSALS}


def test_behind_both_walls_nothing_can_be_done(tmp_path: Path) -> None:
    tried = attempt(tmp_path, BY_BOTH)

    assert done(tried) == {}
    assert len(tried.endings) > 50
    assert tried.file_is_whole
    assert tried.stayed_inside


def test_what_is_pretended_changes_nothing(tmp_path: Path) -> None:
    tried = attempt(tmp_path, "PRETENDED")

    assert set(tried.endings.values()) == {"done"}
    assert tried.secret_is_unmarked


def test_landlock_alone_guards_files_programs_and_memory(tmp_path: Path) -> None:
    newer = [groups for groups, abi in BY_NEWER_LANDLOCK if state().landlock >= abi]

    tried = attempt(tmp_path, " ".join([BY_LANDLOCK, *newer]), frozenset({LANDLOCK}))

    assert done(tried) == {}
    assert tried.file_is_whole
    assert tried.stayed_inside


def test_seccomp_alone_guards_the_network_processes_and_the_kernel(tmp_path: Path) -> None:
    tried = attempt(tmp_path, BY_SECCOMP, frozenset({SECCOMP}))

    assert done(tried) == {}
    assert tried.file_is_whole


def test_without_walls_the_same_acts_succeed(tmp_path: Path) -> None:
    """Or the tests above would prove nothing."""
    tried = attempt(tmp_path, "READING TCP SOCKETS PRETENDED", frozenset())

    assert set(tried.endings.values()) <= {"done", "EACCES", "EAFNOSUPPORT"}
    assert tried.endings["read a file beside its own"] == "done"
    assert tried.endings["connect"] == "done"
    assert not tried.secret_is_unmarked
