"""The base image: the distribution of this machine, with its Python, from its own mirror."""

import platform
import subprocess
from pathlib import Path

from tests.containers.podman import Podman

IMAGE = "localhost/morag-agent-test"
_BASE = "localhost/morag-agent-test-base"
_LEFT_OUT = ("/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*")


def base_image(podman: Podman, folder: Path) -> str:
    """Made once: it takes most of a minute."""
    name = f"{_BASE}:{_codename()}"
    if podman("image", "exists", name, check=False).returncode == 0:
        return name
    packed = folder / "base.tar"
    left_out = [f"--dpkgopt=path-exclude={pattern}" for pattern in _LEFT_OUT]
    subprocess.run(
        [
            *("mmdebstrap", "--quiet", "--variant=minbase", *left_out),
            "--include=ca-certificates,python3,python3-venv",
            *(_codename(), str(packed), _mirror()),
        ],
        check=True,
        timeout=600,
    )
    podman("import", "--quiet", str(packed), name)
    packed.unlink()
    return name


def _codename() -> str:
    return platform.freedesktop_os_release()["VERSION_CODENAME"]


def _mirror() -> str:
    """The one that this machine's apt uses for the distribution itself."""
    form = "$(RELEASE) $(COMPONENT) $(SITE)"
    listed = subprocess.run(
        ["apt-get", "indextargets", "--format", form, "Created-By: Packages"],
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line.split() for line in listed.stdout.splitlines()]
    return next(site for release, part, site in lines if (release, part) == (_codename(), "main"))
