from pathlib import Path

import pytest

from agent.edges.containers import Engine, engine_around, started_without_gpu


@pytest.mark.parametrize(
    ("environ", "file", "engine"),
    [
        ({"container": "podman"}, None, "podman"),
        ({}, "run/.containerenv", "podman"),
        ({}, ".dockerenv", "docker"),
        ({"container": "oci"}, None, "other"),
        ({"container": "oci"}, ".dockerenv", "docker"),
        ({"container": ""}, None, None),
        ({}, None, None),
    ],
)
def test_an_engine_is_known_by_what_it_leaves(
    tmp_path: Path, environ: dict[str, str], file: str | None, engine: Engine | None
) -> None:
    if file is not None:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()

    assert engine_around(environ, tmp_path) == engine


@pytest.mark.parametrize(
    ("engine", "how"),
    [
        ("podman", "--device nvidia.com/gpu=all (podman before 5 ignores --gpus silently)"),
        ("docker", "--gpus all"),
        ("other", "nvidia.com/gpu=all"),
    ],
)
def test_a_container_without_a_gpu_is_told_how_to_get_one(engine: Engine, how: str) -> None:
    said = started_without_gpu(engine)

    assert said is not None
    assert said.startswith("this container was started without a GPU: ")
    assert how in said


def test_outside_of_containers_there_is_nothing_to_say() -> None:
    assert started_without_gpu(None) is None
