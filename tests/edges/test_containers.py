import pytest

from agent.edges.containers import passed_no_gpu
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
    said = passed_no_gpu(engine)

    assert said.startswith("no GPU was passed into this container: start it with ")
    assert how in said
