import socket
import ssl
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from agent.model.ids import Bytes, Seconds
from agent.pipelines.errors import (
    InputUnavailableError,
    MediaUnreadableError,
    OptionsInvalidError,
    PipelineError,
    TooLargeError,
    UnsupportedMediaError,
)
from agent.pipelines.web.addresses import Address
from agent.pipelines.web.fetching import Fetched, Rules, fetch
from tests.pipelines.web.servers import answer, answers, serving

LOOPBACK = ip_address("127.0.0.1")
AT_HOME = Rules(may_ask=lambda address: address == LOOPBACK, any_port=True, limit=Seconds(10.0))
"""These tests have no other network than loopback: it stands for the internet."""
PAGE = b"<html><p>words</p></html>"


def to(address: str) -> Rules:
    """Rules of a resolver that knows one address only. Nothing is connected to in such a test."""
    return Rules(resolve=lambda _host, _port: (ip_address(address),))


def test_a_page_is_fetched_with_what_the_server_says_of_it(tmp_path: Path) -> None:
    page = answer(PAGE, media_type="text/html; charset=UTF-8")
    with serving(answers({"/a?b": page})) as server:
        fetched = fetch(server.url("/a?b#c"), tmp_path / "page", AT_HOME)

    assert fetched == Fetched(server.url("/a?b"), "text/html", "utf-8", is_packed=False)
    assert (tmp_path / "page").read_bytes() == PAGE


def test_nobody_learns_who_asks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://user:secret@127.0.0.1:9")
    with serving(lambda _: answer(PAGE, Set_Cookie="a=b")) as server:
        fetch(server.url(), tmp_path / "page", AT_HOME)
        fetch(server.url(), tmp_path / "page", AT_HOME)

    names = {line.partition(":")[0] for line in server.requests[1].splitlines()[1:] if line}
    assert names == {"Host", "User-Agent", "Accept", "Accept-Encoding", "Connection"}


@pytest.mark.parametrize(
    "address", ["127.0.0.1", "192.168.1.1", "169.254.169.254", "::1", "64:ff9b::7f00:1"]
)
def test_a_name_that_leads_home_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(OptionsInvalidError, match="not on the public internet") as caught:
        fetch("http://intranet.example/", tmp_path / "page", to(address))

    assert address not in str(caught.value)


def test_a_name_that_leads_home_among_others_is_refused(tmp_path: Path) -> None:
    mixed = (ip_address("93.184.216.34"), ip_address("10.0.0.1"))

    with pytest.raises(OptionsInvalidError, match="not on the public internet"):
        fetch("http://x.example/", tmp_path / "page", Rules(resolve=lambda *_: mixed))


def test_the_address_that_was_checked_is_the_one_that_is_connected_to(tmp_path: Path) -> None:
    asked: list[str] = []

    def changing(host: str, _port: int) -> Sequence[Address]:
        """Another answer each time, as a rebinding name server gives."""
        asked.append(host)
        return (ip_address("127.0.0.1" if len(asked) == 1 else "127.0.0.99"),)

    with serving(lambda _: answer(PAGE)) as server:
        url = f"http://page.example:{server.port}/"
        fetch(url, tmp_path / "page", replace(AT_HOME, resolve=changing))

    assert asked == ["page.example"]
    assert f"Host: page.example:{server.port}\r\n" in server.requests[0]


def test_redirections_are_followed(tmp_path: Path) -> None:
    pages = answers(
        {
            "/a": answer(status="302 Found", Location="/b?c"),
            "/b?c": answer(status="308 Permanent Redirect", Location="d"),
            "/d": answer(PAGE),
        }
    )
    with serving(pages) as server:
        fetched = fetch(server.url("/a"), tmp_path / "page", AT_HOME)

    assert fetched.url == server.url("/d")


@pytest.mark.parametrize(
    "location",
    ["file:///etc/passwd", "http://user:pw@127.0.0.1/", "ftp://127.0.0.1/", "//[::1"],
)
def test_a_redirection_comes_under_the_same_rules(tmp_path: Path, location: str) -> None:
    with (
        serving(lambda _: answer(status="302 Found", Location=location)) as server,
        pytest.raises(PipelineError),
    ):
        fetch(server.url(), tmp_path / "page", AT_HOME)

    assert len(server.requests) == 1
    assert not (tmp_path / "page").exists()


def test_a_redirection_to_a_private_address_is_refused(tmp_path: Path) -> None:
    known = {"public.example": LOOPBACK, "home.example": ip_address("192.168.1.1")}
    rules = replace(AT_HOME, resolve=lambda host, _port: (known[host],))
    away = answer(status="302 Found", Location="http://home.example/")
    with (
        serving(lambda _: away) as server,
        pytest.raises(OptionsInvalidError, match=r"'home\.example' is not on the public"),
    ):
        fetch(f"http://public.example:{server.port}/", tmp_path / "page", rules)


def test_redirections_come_to_an_end(tmp_path: Path) -> None:
    with (
        serving(lambda path: answer(status="302 Found", Location=f"{path}x")) as server,
        pytest.raises(MediaUnreadableError, match="more than 5 times"),
    ):
        fetch(server.url(), tmp_path / "page", AT_HOME)

    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("reply", "error", "why"),
    [
        (answer(b"", "404 Not Found"), MediaUnreadableError, "status 404"),
        (answer(b"", "403 Forbidden"), MediaUnreadableError, "status 403"),
        (answer(b"", "503 Service Unavailable"), InputUnavailableError, "status 503"),
        (answer(b"", "429 Too Many Requests"), InputUnavailableError, "status 429"),
        (answer(b"", "204 No Content"), InputUnavailableError, "status 204"),
        (answer(b"x", media_type="application/pdf"), UnsupportedMediaError, "'application/pdf'"),
        (answer(b"x", Content_Encoding="br"), MediaUnreadableError, "packed by 'br'"),
        (b"SSH-2.0-OpenSSH\r\n", InputUnavailableError, "broke off"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf", InputUnavailableError, "broke off"),
        (b"", InputUnavailableError, "broke off"),
    ],
)
def test_what_is_no_page_is_said_in_words(
    tmp_path: Path, reply: bytes, error: type[PipelineError], why: str
) -> None:
    with serving(lambda _: reply) as server, pytest.raises(error, match=why):
        fetch(server.url(), tmp_path / "page", AT_HOME)


def test_a_page_without_a_type_is_taken_for_one(tmp_path: Path) -> None:
    with serving(lambda _: answer(PAGE, media_type=None)) as server:
        assert fetch(server.url(), tmp_path / "page", AT_HOME).media_type == "text/html"


def test_a_page_in_chunks_is_put_together(tmp_path: Path) -> None:
    chunked = (
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    )
    with serving(lambda _: chunked) as server:
        fetch(server.url(), tmp_path / "page", AT_HOME)

    assert (tmp_path / "page").read_bytes() == b"abcde"


def test_a_page_over_the_limit_is_left_where_it_is(tmp_path: Path) -> None:
    rules = replace(AT_HOME, max_size=Bytes(1024**2))
    endless = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n"

    def pour(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"x" * 65536)

    with (
        serving(lambda _: endless, pour) as server,
        pytest.raises(TooLargeError, match="limit of 1 MiB"),
    ):
        fetch(server.url(), tmp_path / "page", rules)


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\n\r\n"])
def test_a_server_that_drips_is_not_waited_for(tmp_path: Path, head: bytes) -> None:
    rules = replace(AT_HOME, limit=Seconds(0.3))
    is_over = threading.Event()

    def drip(connection: socket.socket) -> None:
        while not is_over.wait(0.02):
            connection.sendall(b"x")

    with serving(lambda _: head, drip) as server:
        with pytest.raises(InputUnavailableError, match=r"did not come within 0\.3 s"):
            fetch(server.url(), tmp_path / "page", rules)
        is_over.set()


def test_a_host_that_does_not_answer_is_said_by_its_name(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]

    with pytest.raises(InputUnavailableError, match=r"'127\.0\.0\.1' does not answer"):
        fetch(f"http://127.0.0.1:{port}/", tmp_path / "page", AT_HOME)


def test_a_certificate_that_nobody_signed_is_not_trusted(tmp_path: Path, certificate: Path) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_shake_hands, args=(listener, context))
        thread.start()
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        with pytest.raises(InputUnavailableError, match="certificate is not good"):
            fetch(url, tmp_path / "page", AT_HOME)
        thread.join()


def test_a_trusted_certificate_for_the_right_host_is_taken(
    tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=_shake_hands, args=(listener, context))
        thread.start()
        rules = replace(AT_HOME, resolve=lambda *_: (LOOPBACK,))
        fetch(f"https://page.example:{listener.getsockname()[1]}/", tmp_path / "page", rules)
        thread.join()

    assert (tmp_path / "page").read_bytes() == PAGE


def _shake_hands(listener: socket.socket, context: ssl.SSLContext) -> None:
    connection, _ = listener.accept()
    try:
        with context.wrap_socket(connection, server_side=True) as secured:
            secured.recv(4096)
            secured.sendall(answer(PAGE))
    except ssl.SSLError:
        connection.close()


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Signed by itself, for `page.example`; the key is in the same file."""
    path = tmp_path_factory.mktemp("tls") / "page.pem"
    key = path.with_suffix(".key")
    options = (
        "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=page.example"
        f" -addext subjectAltName=DNS:page.example -keyout {key} -out {path}"
    )
    subprocess.run(["openssl", "req", "-x509", *options.split()], check=True, capture_output=True)
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path
