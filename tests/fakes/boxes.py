"""The file system of a box, as far as it tells of GPUs, containers and terminals."""

from pathlib import Path

from agent.edges.surroundings import Surroundings

INITIAL_PIDS = "pid:[4026531836]"


def box(
    root: Path,
    *,
    nodes: tuple[str, ...] = (),
    has_card: bool | None = None,
    is_container: bool = False,
    pids: str = INITIAL_PIDS,
) -> Surroundings:
    (root / "dev").mkdir(parents=True, exist_ok=True)
    for node in nodes:
        (root / "dev" / node).touch()
    if has_card is not None:
        devices = root / "sys/bus/pci/devices"
        devices.mkdir(parents=True)
        if has_card:
            card = devices / "0000:01:00.0"
            card.mkdir()
            (card / "vendor").write_text("0x10de\n")
            (card / "class").write_text("0x030000\n")
    if is_container:
        (root / "run").mkdir()
        (root / "run/.containerenv").touch()
    namespace = root / "proc/self/ns/pid"
    namespace.parent.mkdir(parents=True)
    namespace.symlink_to(pids)
    return Surroundings(root)
