"""Podman as the tests use it: with limits that this machine allows, and without any registry."""

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

PATIENCE = 600.0
"""Seconds for one command; a build brings packages from the index."""
_MOST_PROCESSES = 32768
"""Podman refuses a limit above its own."""
_PIP_KEYS = {"index-url", "extra-index-url", "find-links", "trusted-host", "cert"}


@dataclass(frozen=True, slots=True)
class Podman:
    config: Path

    def __call__(
        self, *words: str, check: bool = True, content: str | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            ["podman", *words],
            env={"PATH": _path(), "HOME": str(Path.home()), "CONTAINERS_CONF": str(self.config)},
            input=content,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
        assert not check or done.returncode == 0, f"podman {' '.join(words)}\n{done.stderr}"
        return done

    def inspect(self, name: str) -> dict[str, Any]:
        (found,) = json.loads(self("inspect", name).stdout)
        assert isinstance(found, dict)
        return found

    @property
    def major(self) -> int:
        return int(self("version", "--format", "{{.Client.Version}}").stdout.split(".")[0])


def podman_in(folder: Path) -> Podman:
    """Its defaults ask for limits above those that a machine in a pool lets anyone have."""
    files = _hard(resource.RLIMIT_NOFILE, 1_048_576)
    processes = _hard(resource.RLIMIT_NPROC, _MOST_PROCESSES)
    runtime = 'runtime = "runc"\n' if shutil.which("runc", path=_path()) else ""
    config = folder / "containers.conf"
    config.write_text(
        "[containers]\n"
        f'default_ulimits = ["nofile={files}:{files}", "nproc={processes}:{processes}"]\n'
        f"[engine]\n{runtime}"
    )
    return Podman(config)


def build_mounts(folder: Path) -> Iterator[str]:
    """Where this machine's pip looks for packages, for the time of a build; nothing of it stays."""
    settings = dict(_pip_settings())
    lines = [f"{key} = {value}\n" for key, value in settings.items()]
    (folder / "pip.conf").write_text("[global]\n" + "".join(lines))
    yield f"--volume={folder / 'pip.conf'}:/etc/pip.conf:ro"
    for path in sorted({path for value in settings.values() for path in _local(value)}):
        yield f"--volume={path}:{path}:ro"


def _pip_settings() -> Iterator[tuple[str, str]]:
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, check=True
    )
    for line in listed.stdout.splitlines():
        name, _, value = line.partition("=")
        key = name.rpartition(".")[2]
        if key in _PIP_KEYS:
            yield key, " ".join(value.strip("'").replace("\\n", " ").split())


def _local(value: str) -> Iterator[str]:
    for word in value.split():
        if word.startswith("file:"):
            # The pages of an index name files beside it.
            yield str(Path(urlsplit(word).path).parent)
        elif word.startswith("/") and Path(word).exists():
            yield word


def _hard(limit: int, most: int) -> int:
    hard = resource.getrlimit(limit)[1]
    return most if hard == resource.RLIM_INFINITY else min(hard, most)


def _path() -> str:
    return "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
