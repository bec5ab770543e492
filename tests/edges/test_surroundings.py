from pathlib import Path

import pytest

from agent.edges.surroundings import Engine, Surroundings
from tests.fakes.boxes import box


def test_only_numbered_nodes_are_gpus(tmp_path: Path) -> None:
    seen = box(tmp_path, nodes=("nvidia0", "nvidia12", "nvidiactl", "nvidia-uvm", "null"))

    assert seen.device_nodes == {"nvidia0", "nvidia12"}


@pytest.mark.parametrize(
    ("variables", "file", "engine"),
    [
        (b"HOME=/\0container=podman\0", None, "podman"),
        (b"", "run/.containerenv", "podman"),
        (b"", ".dockerenv", "docker"),
        (b"container=oci\0", None, "other"),
        (b"container=oci\0", ".dockerenv", "docker"),
        (b"", "run/systemd/container", "other"),
        (b"container=\0", None, None),
        (b"HOME=/\0my_container=podman\0", None, None),
    ],
)
def test_an_engine_is_known_by_what_it_leaves(
    tmp_path: Path, variables: bytes, file: str | None, engine: Engine | None
) -> None:
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/environ").write_bytes(variables)
    if file is not None:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).touch()

    found = Surroundings(tmp_path)

    assert (found.engine, found.is_container) == (engine, engine is not None)


@pytest.mark.parametrize("has_card", [True, False, None])
def test_a_card_is_seen_on_the_bus_or_nobody_tells(tmp_path: Path, has_card: bool | None) -> None:
    assert box(tmp_path, has_card=has_card).has_card is has_card


def test_a_sound_card_of_the_same_maker_is_no_gpu(tmp_path: Path) -> None:
    seen = box(tmp_path, has_card=True)
    (tmp_path / "sys/bus/pci/devices/0000:01:00.0/class").write_text("0x040300\n")

    assert seen.has_card is False


@pytest.mark.parametrize(
    ("is_container", "has_card", "nodes", "is_left_out"),
    [
        (True, True, (), True),
        (True, None, (), True),
        (True, False, (), False),
        (True, True, ("nvidia0",), False),
        (True, True, ("dxg",), False),
        (False, True, (), False),
    ],
)
def test_a_container_is_left_out_where_the_box_may_have_a_gpu_and_it_has_none(
    tmp_path: Path,
    is_container: bool,
    has_card: bool | None,
    nodes: tuple[str, ...],
    is_left_out: bool,
) -> None:
    seen = box(tmp_path, is_container=is_container, has_card=has_card, nodes=nodes)

    assert seen.is_left_out is is_left_out


@pytest.mark.parametrize(
    ("pids", "same"), [("pid:[4026531836]", True), ("pid:[4026532201]", False)]
)
def test_processes_are_counted_as_the_host_does_in_the_first_namespace_only(
    tmp_path: Path, pids: str, same: bool
) -> None:
    assert box(tmp_path, pids=pids).counts_as_the_host is same


def test_a_box_that_tells_nothing_does_not_count_as_the_host(tmp_path: Path) -> None:
    assert not Surroundings(tmp_path / "nowhere").counts_as_the_host
