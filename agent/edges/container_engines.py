"""The container engines of this box, and how GPUs get into their containers (CDI)."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from agent.edges.surroundings import Surroundings

CDI_FOLDERS = (Path("/etc/cdi"), Path("/var/run/cdi"))
DRIVER_FILE = Path("/proc/driver/nvidia/version")
_KERNEL_MODULE = re.compile(r"Kernel Module\s+(?:for \S+\s+)?([\d.]+)")
_LIBRARY = re.compile(r"lib(?:cuda|nvidia-ml|nvidia-ptxjitcompiler)\.so\.(\d+\.\d+(?:\.\d+)?)")
_VERSION = re.compile(r"(\d+)\.(\d+)[\d.]*")
_LIMIT = 4.0


def has_gpu_files(root: Path = Path("/")) -> bool:
    """The driver's device files are here, as in a container that was given a GPU."""
    return bool(Surroundings(root).device_nodes) or (root / "dev/dxg").exists()


def loaded_driver(file: Path = DRIVER_FILE) -> str | None:
    """The version of the kernel module that runs now; asks the driver nothing."""
    with suppress(OSError):
        found = _KERNEL_MODULE.search(file.read_text())
        return found[1] if found else None
    return None


@dataclass(frozen=True, slots=True)
class Engine:
    name: str
    version: tuple[int, int] | None
    said: str
    """What it says of its version, or why it says nothing."""


def engines(names: Sequence[str] = ("podman", "docker")) -> Iterator[Engine]:
    """Those in the PATH."""
    for name in names:
        if (program := shutil.which(name)) is not None:
            yield _asked(name, program)


def _asked(name: str, program: str) -> Engine:
    try:
        ended = subprocess.run(  # noqa: S603 - a program of the owner's own PATH
            [program, "--version"], capture_output=True, text=True, timeout=_LIMIT, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Engine(name, None, str(error))
    found = _VERSION.search(ended.stdout)
    if found is None:
        return Engine(name, None, (ended.stderr or ended.stdout).strip().partition("\n")[0])
    return Engine(name, (int(found[1]), int(found[2])), found[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class CdiSpec:
    """One file that tells container engines how to give a GPU to a container."""

    path: Path
    kind: str = ""
    """`nvidia.com/gpu`."""
    devices: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()
    """Versions of the driver's libraries that it would mount."""
    trouble: str = ""
    """Why it cannot be read."""


def cdi_specs(folders: Sequence[Path] = CDI_FOLDERS) -> Iterator[CdiSpec]:
    for folder in folders:
        with suppress(OSError):
            for path in sorted(folder.iterdir()):
                if path.suffix in {".yaml", ".yml", ".json"}:
                    yield _spec(path)


def _spec(path: Path) -> CdiSpec:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        return CdiSpec(path=path, trouble=str(error))
    content = _parsed(text, path.suffix)
    if isinstance(content, str):
        return CdiSpec(path=path, trouble=content)
    devices = content.get("devices")
    if not isinstance(content.get("kind"), str) or not isinstance(devices, list):
        return CdiSpec(path=path, trouble="it names no kind and devices")
    names = [str(one["name"]) for one in devices if isinstance(one, dict) and "name" in one]
    drivers = tuple(sorted(set(_LIBRARY.findall(text))))
    return CdiSpec(path=path, kind=str(content["kind"]), devices=tuple(names), drivers=drivers)


def _parsed(text: str, suffix: str) -> dict[str, object] | str:
    """The content, or what is wrong with it."""
    import yaml

    try:
        content = json.loads(text) if suffix == ".json" else yaml.safe_load(text)
    except (ValueError, yaml.YAMLError) as error:
        return f"it cannot be parsed ({str(error).partition(chr(10))[0]})"
    return content if isinstance(content, dict) else "it names no kind and devices"
