"""Reads a URL, and refuses what no public page has: other schemes, odd ports, passwords."""

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, quote, urlsplit

from agent.pipelines.errors import OptionsInvalidError

_PORTS = {"http": 80, "https": 443}
_OTHER_PORTS = frozenset({8080, 8443})
_LONGEST = 2000
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f\\]")
_PATH_SAFE = "/%:@!$&'()*+,;=~-._"


@dataclass(frozen=True, slots=True)
class Target:
    scheme: str
    host: str
    """ASCII; an IPv6 address has no brackets."""
    port: int
    path: str
    """With the query; what a browser keeps to itself (`#…`) is gone."""

    @property
    def is_secure(self) -> bool:
        return self.scheme == "https"

    @property
    def authority(self) -> str:
        """The field `Host`."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def url(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"


def target_of(url: str, *, any_port: bool = False) -> Target:
    """Raises `OptionsInvalidError`, which shows no more of the URL than its beginning."""
    if len(url) > _LONGEST or _UNPRINTABLE.search(url):
        raise _refused(url, f"it is longer than {_LONGEST} letters, or has blanks in it")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise _refused(url, "it is no URL") from error
    if parts.scheme not in _PORTS:
        raise _refused(url, "only http and https are fetched")
    if parts.username is not None or parts.password is not None:
        raise _refused(url.partition("@")[2], "a name or password stands in it")
    port = _PORTS[parts.scheme] if port is None else port
    if not any_port and port not in {*_PORTS.values(), *_OTHER_PORTS}:
        raise _refused(url, f"port {port} is not one that pages are on")
    return Target(parts.scheme, _host(parts, url), port, _path(parts))


def _host(parts: SplitResult, url: str) -> str:
    host = (parts.hostname or "").rstrip(".")
    if ":" in host:
        return host
    try:
        ascii_host = host.encode("idna").decode("ascii")
    except UnicodeError as error:
        raise _refused(url, "its host name is none") from error
    if not ascii_host or not re.fullmatch(r"[a-z0-9._-]+", ascii_host):
        raise _refused(url, "its host name is none")
    return ascii_host


def _path(parts: SplitResult) -> str:
    path = quote(parts.path or "/", safe=_PATH_SAFE)
    return f"{path}?{quote(parts.query, safe=_PATH_SAFE + '?[]')}" if parts.query else path


def _refused(url: str, reason: str) -> OptionsInvalidError:
    return OptionsInvalidError(f"the URL {url[:80]!r} is not fetched: {reason}.")
