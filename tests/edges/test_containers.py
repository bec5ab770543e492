import pytest

from agent.edges.containers import started_without_gpu
from agent.edges.surroundings import Engine


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
