import time
from pathlib import Path

import pytest

from agent.edges.metered import Metered, default_device
from agent.model.ids import Seconds

pytestmark = pytest.mark.real_time

ROUTES = """\
Iface\tDestination\tGateway\tFlags\tRefCnt\tUse\tMetric\tMask\tMTU\tWindow\tIRTT
eth0\t0001A8C0\t00000000\t0001\t0\t0\t100\t00FFFFFF\t0\t0\t0
wwan0\t00000000\t0101A8C0\t0003\t0\t0\t700\t00000000\t0\t0\t0
eth0\t00000000\t0101A8C0\t0003\t0\t0\t100\t00000000\t0\t0\t0
"""


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    folder = tmp_path / "bin"
    folder.mkdir()
    return folder


@pytest.fixture
def routes(tmp_path: Path) -> Path:
    path = tmp_path / "route"
    path.write_text(ROUTES)
    return path


def put(tools: Path, name: str, script: str) -> None:
    path = tools / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


async def ask(tools: Path, routes: Path, deadline: float = 5.0) -> bool | None:
    return await Metered(str(tools), routes, Seconds(deadline)).is_metered()


async def test_a_box_without_networkmanager_knows_nothing(tools: Path, routes: Path) -> None:
    assert await ask(tools, routes) is None


@pytest.mark.parametrize(
    ("told", "metered"),
    [("u 0", None), ("u 1", True), ("u 2", False), ("u 3", True), ("u 4", False)],
)
async def test_networkmanager_tells_it_on_the_bus(
    tools: Path, routes: Path, told: str, *, metered: bool | None
) -> None:
    put(tools, "busctl", f'test "$6" = Metered && echo "{told}"')

    assert await ask(tools, routes) is metered


@pytest.mark.parametrize(
    ("told", "metered"),
    [
        ("yes", True),
        ("no", False),
        ("yes (guessed)", True),
        ("no (guessed)", False),
        ("unknown", None),
    ],
)
async def test_without_the_bus_nmcli_is_asked_about_the_way_out(
    tools: Path, routes: Path, told: str, *, metered: bool | None
) -> None:
    put(tools, "busctl", "echo 'Failed to connect to bus' >&2; exit 1")
    put(tools, "nmcli", f'test "$6" = eth0 && echo "GENERAL.METERED:{told}"')

    assert await ask(tools, routes) is metered


async def test_a_tool_that_hangs_is_not_waited_for(tools: Path, routes: Path) -> None:
    put(tools, "busctl", "exec /bin/sleep 60")
    before = time.monotonic()

    assert await ask(tools, routes, deadline=0.3) is None
    assert time.monotonic() - before < 10


async def test_a_box_that_is_not_connected_knows_nothing(tools: Path, tmp_path: Path) -> None:
    put(tools, "nmcli", "echo GENERAL.METERED:yes")

    assert await ask(tools, tmp_path / "no-such-file") is None


def test_the_way_out_is_the_cheapest_default_route(routes: Path) -> None:
    assert default_device(routes) == "eth0"
