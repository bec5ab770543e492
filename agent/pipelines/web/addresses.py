"""Says which network addresses are of the public internet: all others may be the owner's own."""

from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address

_TRANSLATED = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""A gateway makes an IPv4 address of the last 32 bits, private ones included."""
_COMPATIBLE = IPv6Network("::/96")
"""The same, in a form that was given up long ago."""


def is_public(address: Address) -> bool:
    """One host on the internet, by every way to write its address."""
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return is_public(address.ipv4_mapped)
        # Tunnels carry an IPv4 address within; no web server is reached that way today.
        is_tunnel = address.sixtofour is not None or address.teredo is not None
        if is_tunnel or address.is_site_local or address in _COMPATIBLE:
            return False
        if any(address in network for network in _TRANSLATED):
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def parse_address(text: str) -> Address:
    """Of what a resolver answers; the zone after a `%` names an interface of ours."""
    return ip_address(text.partition("%")[0])
