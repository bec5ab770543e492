"""Which proxy our requests go through: the environment's word, read as httpx reads it."""

from collections.abc import Mapping
from ipaddress import ip_address
from urllib.parse import SplitResult, urlsplit, urlunsplit

THIS_MACHINE = frozenset({"localhost", "127.0.0.1", "::1"})
"""Never by proxy, whatever the environment says."""
NAMES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
_LATER_WINS = (str.upper, str.lower)


def settings_in(environ: Mapping[str, str]) -> dict[str, str]:
    """Those in force, by their names in capitals; small letters win where both are set."""
    found: dict[str, str] = {}
    for write in _LATER_WINS:
        for name in NAMES:
            if write(name) in environ:
                found[name] = environ[write(name)]
    # A web server sets HTTP_PROXY from a header of its visitor's.
    if "REQUEST_METHOD" in environ and "http_proxy" not in environ:
        found.pop("HTTP_PROXY", None)
    return {name: value for name, value in found.items() if value}


def proxy_for(url: str, environ: Mapping[str, str]) -> str | None:
    """The address of the proxy that a request for `url` takes."""
    parts = urlsplit(url)
    named = settings_in(environ)
    exceptions = named.get("NO_PROXY", "").split(",")
    if parts.hostname in THIS_MACHINE or any(_matches(parts, one.strip()) for one in exceptions):
        return None
    proxy = named.get(f"{parts.scheme.upper()}_PROXY") or named.get("ALL_PROXY")
    return proxy if proxy is None or "://" in proxy else f"http://{proxy}"


def _matches(url: SplitResult, exception: str) -> bool:
    if exception in {"", "*"}:
        return exception == "*"
    scheme, _, rest = exception.rpartition("://")
    is_exact = bool(scheme) or _is_address(exception) or exception == "localhost"
    is_ipv6 = _is_address(exception) and ":" in exception
    named = urlsplit(f"//[{exception}]" if is_ipv6 else f"//{rest}")
    if scheme not in {"", "all", url.scheme} or (named.port or url.port) != url.port:
        return False
    host, domain = url.hostname or "", named.hostname or ""
    if is_exact:
        return host == domain
    # A name stands for those below it too; with a dot in front, for those alone.
    bare = domain.removeprefix(".")
    return host.endswith(f".{bare}") or (host == domain)


def networks_in(environ: Mapping[str, str]) -> list[str]:
    """What NO_PROXY says of whole networks, which httpx does not understand."""
    exceptions = settings_in(environ).get("NO_PROXY", "").split(",")
    return [one.strip() for one in exceptions if "/" in one and "://" not in one]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def without_secrets(url: str) -> str:
    """As people may read it."""
    parts = urlsplit(url if "://" in url else f"http://{url}")
    _, at, host = parts.netloc.rpartition("@")
    return urlunsplit(parts._replace(netloc=f"***@{host}" if at else host))
