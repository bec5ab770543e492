"""The files that a box may reach: what it reads, what Python and its libraries are, its scratch."""

import mimetypes
import site
import sys
import sysconfig
from collections.abc import Iterator
from pathlib import Path

import agent
from agent.pipelines.box.landlock import Access, Rule

_SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/nix/store", "/gnu/store"),
    *("/etc/ld.so.cache", "/etc/fonts", "/var/cache/fontconfig", "/etc/localtime"),
    *("/dev/urandom", "/dev/random"),
)
"""Libraries, fonts and time zones; what is secret never lies there."""
_USER_READS = ("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu")
"""How many threads a library starts, and which instructions it uses, it learns there."""
_OF_PREFIX = ("lib", "lib64", "share")
_GPU_READS = ("/proc/driver", "/sys/module/nvidia", "/sys/devices", "/sys/bus/pci")
_DEVICE = Access.READ_FILE | Access.WRITE_FILE | Access.IOCTL_DEV


def rules_for(file: Path, scratch: Path, *, gpu: bool = False) -> Iterator[Rule]:
    """Everything else is closed, the rest of the folder that `file` is in, too."""
    yield Rule(file, Access.READ)
    yield Rule(scratch, Access.READ | Access.WRITE)
    yield Rule(Path("/dev/null"), Access.READ_FILE | Access.WRITE_FILE)
    for path in (*map(Path, _SYSTEM), *map(Path, _USER_READS), *_python()):
        yield Rule(path, Access.READ)
    if gpu:
        yield from _gpu()


def user_packages() -> Path | None:
    """Where `pip install --user` puts things, if this Python looks there."""
    return Path(site.getusersitepackages()) if site.ENABLE_USER_SITE else None


def package_root() -> Path:
    """The folder that holds our package; itself it stays closed, it may be somebody's home."""
    return Path(agent.__path__[0]).parent


def _python() -> Iterator[Path]:
    yield Path(agent.__path__[0])
    yield Path(sys.executable)
    yield from (Path(path) for path in mimetypes.knownfiles)
    paths = sysconfig.get_paths()
    yield from (Path(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib"))
    if (packages := user_packages()) is not None:
        yield packages
    for prefix in (sys.prefix, sys.base_prefix):
        yield from (Path(prefix, name) for name in _OF_PREFIX)


def _gpu() -> Iterator[Rule]:
    """With these a film was decoded on an H100 (driver 580)."""
    for device in (*Path("/dev").glob("nvidia*"), Path("/dev/nvidia-caps")):
        yield Rule(device, _DEVICE | Access.READ_DIR)
    for path in map(Path, _GPU_READS):
        yield Rule(path, Access.READ)
    # The driver names its threads in /proc/self/task/*/comm.
    yield Rule(Path("/proc/self"), Access.READ | Access.WRITE_FILE | Access.TRUNCATE)
