from socket import create_server

import pytest

from agent.edges.reaching import Place, UnreachableError, addresses, connected, touch
from tests.edges.tunnel import http_proxy


@pytest.mark.parametrize(
    ("url", "place", "is_number"),
    [
        ("https://morag.example.org/gpu", "morag.example.org:443", False),
        ("http://10.0.0.1:8080", "10.0.0.1:8080", True),
        ("http://[fd00::5]:8080", "[fd00::5]:8080", True),
        ("http://proxy", "proxy:80", False),
    ],
)
def test_where_an_address_leads_is_told(url: str, place: str, *, is_number: bool) -> None:
    assert str(Place.of(url)) == place
    assert Place.of(url).is_number is is_number


def test_a_name_has_addresses_or_a_reason_why_not() -> None:
    assert set(addresses(Place("localhost", 80))) & {"127.0.0.1", "::1"}
    with pytest.raises(UnreachableError, match=r"[Nn]ame|service"):
        addresses(Place("no-such-host.invalid", 80))


def test_touching_an_address_tells_how_long_it_took_or_why_it_cannot_be() -> None:
    with create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        there = touch("127.0.0.1", port, 5.0)
    gone = touch("127.0.0.1", port, 5.0)

    assert (there.trouble, there.took >= 0) == ("", True)
    assert gone.trouble == "Connection refused"


def test_a_tunnel_leads_through_the_proxy_with_its_credentials() -> None:
    with http_proxy() as proxy, create_server(("127.0.0.1", 0)) as listener:
        target = Place("127.0.0.1", listener.getsockname()[1])
        way = f"http://me:h%40sh@127.0.0.1:{proxy.port}"
        with connected(target, way, 5.0) as wire:
            other, _ = listener.accept()
            other.sendall(b"hello")
            assert wire.recv(5) == b"hello"
            other.close()

    assert proxy.heard == [
        f"CONNECT {target} HTTP/1.1",
        "Proxy-Authorization: Basic bWU6aEBzaA==",
    ]


def test_a_proxy_that_refuses_is_told_with_its_words() -> None:
    with http_proxy() as proxy:
        proxy.refuses = "407 Proxy Authentication Required"
        with (
            pytest.raises(UnreachableError, match="407 Proxy Authentication Required"),
            connected(Place("127.0.0.1", 9), f"http://127.0.0.1:{proxy.port}", 5.0),
        ):
            pass
