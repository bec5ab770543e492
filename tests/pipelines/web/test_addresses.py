import socket
from ipaddress import IPv4Address, IPv6Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.pipelines.web.addresses import is_public, parse_address

HOMES = [
    ip_network(network)
    for network in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/29",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "224.0.0.0/4",
        "240.0.0.0/4",
    )
]


def at_home() -> st.SearchStrategy[IPv4Address]:
    """Any address of a network that is nobody's on the internet."""
    return st.sampled_from(HOMES).flatmap(
        lambda network: st.integers(
            int(network.network_address), int(network.broadcast_address)
        ).map(IPv4Address)
    )


@given(at_home())
def test_no_address_of_a_private_network_is_public(address: IPv4Address) -> None:
    assert not is_public(address)


def wrapped(address: IPv4Address) -> list[IPv6Address]:
    """Every way to write an IPv4 address inside of an IPv6 one."""
    low = int(address)
    return [
        IPv6Address(low),  # ::127.0.0.1
        IPv6Address(0xFFFF << 32 | low),  # ::ffff:127.0.0.1
        IPv6Address(0x64FF9B << 96 | low),  # 64:ff9b::127.0.0.1
        IPv6Address(0x64FF9B0001 << 80 | low),  # 64:ff9b:1::127.0.0.1
        IPv6Address(0x2002 << 112 | low << 80 | 1),  # 6to4
        IPv6Address(0x20010000 << 96 | ~low & 0xFFFFFFFF),  # Teredo
    ]


@given(at_home())
def test_no_disguise_makes_a_private_address_public(address: IPv4Address) -> None:
    assert not any(map(is_public, wrapped(address)))


@pytest.mark.parametrize(
    "text",
    ["::", "::1", "fe80::1", "fe80::1%eth0", "fec0::1", "fd00::1", "ff02::1", "2001:db8::1"],
)
def test_local_addresses_of_ipv6_are_not_public(text: str) -> None:
    assert not is_public(parse_address(text))


@pytest.mark.parametrize("text", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:8.8.8.8"])
def test_addresses_of_the_internet_are_public(text: str) -> None:
    assert is_public(parse_address(text))


@given(st.integers(0, 2**32 - 1))
def test_a_mapped_address_is_public_exactly_where_it_is_without_the_map(number: int) -> None:
    assert is_public(IPv6Address(0xFFFF << 32 | number)) == is_public(IPv4Address(number))


@pytest.mark.parametrize("host", ["127.1", "0x7f.1", "2130706433", "0177.0.0.1", "0", "0x0"])
def test_odd_ways_to_write_loopback_are_seen_through(host: str) -> None:
    # Numeric only: nobody is asked.
    found = socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)

    assert not any(is_public(parse_address(str(entry[4][0]))) for entry in found)
