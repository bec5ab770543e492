"""What the file system tells of this box: is it a container, and has it GPUs without a driver."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

Engine: TypeAlias = Literal["podman", "docker", "other"]

_NODE = re.compile(r"nvidia\d+")
_NVIDIA, _DISPLAY = "0x10de", "0x03"
_PODMAN, _DOCKER, _OTHER = "run/.containerenv", ".dockerenv", "run/systemd/container"
_INITIAL_PIDS = "pid:[4026531836]"
"""The kernel's fixed number of the namespace in which the host counts its processes."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    root: Path = Path("/")

    @property
    def engine(self) -> Engine | None:
        """What made the container around this process; None outside of any.

        Podman marks a container by a file, but not a read-only one; that only has the variable.
        """
        variable = self._variable
        if variable == b"podman" or (self.root / _PODMAN).exists():
            return "podman"
        if (self.root / _DOCKER).exists():
            return "docker"
        return "other" if variable or (self.root / _OTHER).exists() else None

    @property
    def is_container(self) -> bool:
        return self.engine is not None

    @property
    def _variable(self) -> bytes:
        try:
            variables = (self.root / "proc/self/environ").read_bytes().split(b"\0")
        except OSError:
            return b""
        found = (one.partition(b"=") for one in variables)
        return next((value for name, _, value in found if name == b"container"), b"")

    @property
    def device_nodes(self) -> frozenset[str]:
        """`nvidia0` and its like: without one nobody here can use a GPU."""
        try:
            return frozenset(
                node.name for node in (self.root / "dev").iterdir() if _NODE.fullmatch(node.name)
            )
        except OSError:
            return frozenset()

    @property
    def has_card(self) -> bool | None:
        """Is one plugged into the box, seen from a container too; None where nobody tells."""
        devices = self.root / "sys/bus/pci/devices"
        if not devices.is_dir():
            return None
        return any(_is_card(device) for device in devices.iterdir())

    @property
    def is_left_out(self) -> bool:
        """A container on a box that has a GPU, or may have one, and none was passed in."""
        is_wsl = (self.root / "dev/dxg").exists()
        return (
            self.is_container
            and not self.device_nodes
            and not is_wsl
            and self.has_card is not False
        )

    @property
    def counts_as_the_host(self) -> bool:
        """Do the numbers of processes mean the same to us as to the driver."""
        try:
            return (self.root / "proc/self/ns/pid").readlink().name == _INITIAL_PIDS
        except OSError:
            return False


def _is_card(device: Path) -> bool:
    try:
        vendor = (device / "vendor").read_text().strip()
        return vendor == _NVIDIA and (device / "class").read_text().startswith(_DISPLAY)
    except OSError:
        return False
