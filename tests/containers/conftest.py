"""A base image made from the distribution's own packages, and our image on top of it.

Both stay in podman's storage, so the second run is a quick one; containers, volumes and secrets go.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.containers.images import IMAGE, base_image
from tests.containers.podman import Podman, build_mounts, podman_in
from tests.containers.yard import Yard

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Podman:
    return podman_in(tmp_path_factory.mktemp("podman"))


@pytest.fixture(scope="session")
def image(podman: Podman, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Speech on a processor, without torch; the server is in it so that the agent has one."""
    folder = tmp_path_factory.mktemp("build")
    podman(
        "build",
        "--format=docker",
        "--pull-never",
        "--network=host",
        *build_mounts(folder),
        f"--build-arg=BASE_IMAGE={base_image(podman, folder)}",
        "--build-arg=EXTRAS=fast,tiny,server",
        f"--tag={IMAGE}",
        str(ROOT),
    )
    return IMAGE


@pytest.fixture
def yard(podman: Podman, image: str, tmp_path: Path) -> Iterator[Yard]:
    yard = Yard(podman, image, tmp_path)
    try:
        yield yard
    finally:
        yard.clear()
