import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.edges.systemd import Notifier


class Manager:
    """systemd's end of the socket."""

    def __init__(self, address: str) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(address)
        self._socket.settimeout(0.2)

    def heard(self) -> list[list[str]]:
        """Each message in its lines."""
        messages = []
        while True:
            try:
                messages.append(self._socket.recv(4096).decode().split("\n"))
            except TimeoutError:
                return messages

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(params=["path", "abstract"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return str(tmp_path / "notify") if request.param == "path" else f"@morag-test-{os.getpid()}"


@pytest.fixture
def manager(address: str) -> Iterator[Manager]:
    manager = Manager("\0" + address[1:] if address.startswith("@") else address)
    yield manager
    manager.close()


@pytest.fixture
def notifier(manager: Manager, address: str) -> Iterator[Notifier]:
    del manager
    notifier = Notifier({"NOTIFY_SOCKET": address})
    yield notifier
    notifier.close()


def test_the_first_word_about_us_is_that_we_are_ready(manager: Manager, notifier: Notifier) -> None:
    notifier.tell_status("waits for work")
    notifier.tell_status("waits for work")
    notifier.tell_status("holds 1 processing")

    assert manager.heard() == [["STATUS=waits for work", "READY=1"], ["STATUS=holds 1 processing"]]


def test_signs_of_life_and_the_end_are_told(manager: Manager, notifier: Notifier) -> None:
    notifier.tell_alive()
    notifier.tell_stopping()

    assert manager.heard() == [["WATCHDOG=1"], ["STOPPING=1", "STATUS=stopping"]]


def test_a_reload_is_told_from_its_beginning_to_its_end(
    manager: Manager, notifier: Notifier
) -> None:
    notifier.tell_status("waits for work")
    with notifier.reloading():
        pass

    _, (reloading, since), ready = manager.heard()
    assert reloading == "RELOADING=1"
    assert since.removeprefix("MONOTONIC_USEC=").isdecimal()
    assert ready == ["READY=1", "STATUS=waits for work"]


def test_elsewhere_nobody_is_told_anything() -> None:
    notifier = Notifier({"WATCHDOG_USEC": "1000000"})

    notifier.tell_status("waits for work")
    notifier.tell_alive()

    assert notifier.watchdog is None
    notifier.close()


@pytest.mark.parametrize("name", ["/no/such/socket", "@no-such-socket", "vsock:2:1"])
def test_a_manager_that_is_not_there_is_none(name: str) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": name})

    notifier.tell_alive()
    notifier.close()


def test_a_manager_that_goes_away_stops_nobody(manager: Manager, notifier: Notifier) -> None:
    manager.close()

    notifier.tell_alive()


@pytest.mark.parametrize(
    ("told", "watchdog"),
    [
        ({"WATCHDOG_USEC": "30000000"}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": str(os.getpid())}, 30.0),
        ({"WATCHDOG_USEC": "30000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({}, None),
    ],
)
def test_the_watchdog_is_ours_only_if_it_is_meant_for_us(
    manager: Manager, address: str, told: dict[str, str], watchdog: float | None
) -> None:
    del manager
    notifier = Notifier({"NOTIFY_SOCKET": address, **told})

    assert notifier.watchdog == watchdog
    notifier.close()
