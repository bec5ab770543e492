import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress

import httpx
import pytest

from agent.edges import watch_port
from agent.edges.watch_port import LONGEST_HEAD, MOST_OPEN, Page, WatchPort, healthz
from agent.model.errors import ConfigError


class Watched:
    trouble: str | None = None

    def pages(self) -> watch_port.Pages:
        return {
            "/metrics": lambda: Page(b"up 1\n"),
            "/healthz": lambda: healthz(self.trouble, "waits for work"),
        }


@pytest.fixture
def watched() -> Watched:
    return Watched()


@pytest.fixture
def port(watched: Watched) -> Iterator[WatchPort]:
    opened = WatchPort("127.0.0.1", 0, watched.pages())
    yield opened
    opened.close()


def get(port: WatchPort, path: str, **headers: str) -> httpx.Response:
    with httpx.Client(base_url=port.address, trust_env=False, timeout=10.0) as client:
        return client.get(path, headers=headers)


def connect(port: WatchPort) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(port.address.rpartition(":")[2])), 10.0)


def answer_to(port: WatchPort, sent: bytes) -> bytes:
    """All that comes back until the port hangs up."""
    with connect(port) as connection:
        connection.sendall(sent)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_metrics_are_there_as_prometheus_wants_them(port: WatchPort) -> None:
    answer = get(port, "/metrics?debug=1")

    assert answer.text == "up 1\n"
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")


def test_an_agent_that_is_well_says_so_and_one_in_trouble_says_why(
    port: WatchPort, watched: Watched
) -> None:
    well = get(port, "/healthz")
    watched.trouble = "the event loop stands still: 30 s too long"
    ill = get(port, "/healthz")

    assert (well.status_code, well.text) == (200, "the agent is well: waits for work\n")
    assert (ill.status_code, ill.text) == (503, "the event loop stands still: 30 s too long\n")


@pytest.mark.real_time
async def test_it_answers_while_the_loop_of_the_agent_stands_still(port: WatchPort) -> None:
    assert asyncio.get_running_loop().is_running()

    assert get(port, "/healthz").status_code == 200  # the call itself blocks this loop


def test_elsewhere_it_tells_what_there_is(port: WatchPort) -> None:
    answer = get(port, "/")

    assert answer.status_code == 404
    assert answer.text == "there is /healthz, /metrics\n"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD"])
def test_nothing_can_be_done_there(port: WatchPort, method: str) -> None:
    with httpx.Client(trust_env=False) as client:
        assert client.request(method, port.address + "/metrics").status_code == 405


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example"])
def test_a_page_in_a_browser_cannot_read_it_under_a_name_of_its_own(
    port: WatchPort, host: str
) -> None:
    assert get(port, "/metrics", Host=host).status_code == 421


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9", "[::1]", "[::1]:9", "127.0.0.1"])
def test_its_own_names_are_taken(port: WatchPort, host: str) -> None:
    assert get(port, "/metrics", Host=host).status_code == 200


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\n\r\n",
        b"GET /metrics HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        b"GET /" + b"x" * (2 * LONGEST_HEAD) + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * LONGEST_HEAD,
        b"\r\n" * LONGEST_HEAD,
    ],
)
def test_what_is_no_request_is_refused_and_the_next_one_is_answered(
    port: WatchPort, sent: bytes
) -> None:
    try:
        answer = answer_to(port, sent)
    except ConnectionError:
        answer = b""

    assert answer == b"" or answer.startswith(b"HTTP/1.1 4")
    assert get(port, "/healthz").status_code == 200


def test_what_cannot_be_read_now_is_told() -> None:
    def fails() -> Page:
        raise PermissionError(13, "Permission denied")

    with closing(WatchPort("127.0.0.1", 0, {"/metrics": fails})) as port:
        answer = get(port, "/metrics")

    assert answer.status_code == 500
    assert answer.text == "this cannot be read now: [Errno 13] Permission denied\n"


def test_a_second_request_on_one_connection_is_not_answered(port: WatchPort) -> None:
    request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"

    answer = answer_to(port, request + request)

    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"connection: close" in answer.lower()


def test_who_says_nothing_is_hung_up_on(watched: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch_port, "DEADLINE", 0.3)
    with closing(WatchPort("127.0.0.1", 0, watched.pages())) as port, connect(port) as quiet:
        began = time.monotonic()
        try:
            said = quiet.recv(1)
        except ConnectionError:
            said = b""

    assert said == b""
    assert time.monotonic() - began < 5.0


def test_a_flood_of_connections_is_turned_away_and_passes(port: WatchPort) -> None:
    with ExitStack() as opened:
        flood = [opened.enter_context(connect(port)) for _ in range(MOST_OPEN + 8)]
        for one in flood[MOST_OPEN:]:
            one.settimeout(3.0)
            with suppress(ConnectionError):
                assert one.recv(1) == b""

    assert get(port, "/healthz").status_code == 200


def test_a_port_that_is_taken_is_told_with_what_to_do(port: WatchPort) -> None:
    taken = int(port.address.rpartition(":")[2])

    with pytest.raises(ConfigError, match=r"watch\.port: cannot listen on .* choose another port"):
        WatchPort("127.0.0.1", taken, {})


def test_after_close_nobody_listens_and_no_thread_is_left(watched: Watched) -> None:
    port = WatchPort("127.0.0.1", 0, watched.pages())
    address = port.address
    with connect(port):
        port.close()

    assert not port._thread.is_alive()
    with pytest.raises(httpx.TransportError):
        httpx.get(address, trust_env=False)
