"""The way to the server: proxy, name, connection, certificate; and how long silence may last."""

import time
from collections.abc import Iterator
from urllib.parse import urlsplit

from agent.cli.doctor.check import Check, Finding, Group, error, not_applicable, ok, warning
from agent.cli.doctor.route import Route
from agent.edges import proxies
from agent.edges.certificates import Certificate, Distrust, certificate
from agent.edges.reaching import Contact, addresses, touch

_PATIENCE = 5.0
_SLOW_NAME = 2.0
_DAY = 86_400
_FEW_DAYS = 14
_CA = "SSL_CERT_FILE"


def network_checks(route: Route) -> Iterator[Check]:
    yield Check(group=Group.NETWORK, name="proxy", look=lambda: proxy_finding(route))
    yield route.step(Group.NETWORK, "dns", name_finding)
    yield route.step(Group.NETWORK, "connect", connect_finding)
    yield route.step(Group.NETWORK, "tls", tls_finding)


def proxy_finding(route: Route) -> Finding:
    named = proxies.settings_in(route.environ)
    if not named:
        return ok("none is named: the server is reached directly")
    words = {
        name: value if name == "NO_PROXY" else proxies.without_secrets(value)
        for name, value in named.items()
    }
    told = ", ".join(f"{name} {value}" for name, value in words.items())
    way = "directly" if route.proxy is None else f"through {proxies.without_secrets(route.proxy)}"
    seen = f"the server is reached {way} ({told})"
    networks = proxies.networks_in(route.environ)
    if networks and route.proxy is not None:
        advice = (
            "name the server's host or address in NO_PROXY if it is meant to be reached directly"
        )
        return warning(f"{seen}; networks such as {networks[0]} are not understood there", advice)
    if route.proxy is not None and urlsplit(route.proxy).scheme not in {"http", "https"}:
        return error(f"{seen}, which is no HTTP proxy", "name an http:// proxy")
    return ok(seen)


def name_finding(route: Route) -> Finding:
    place = route.first
    if place.is_number:
        return not_applicable(f"{place.host} is an address, no name")
    begun = time.monotonic()
    try:
        found = addresses(place)
    except OSError as trouble:
        advice = (
            "see that the name is right, and that this box has a name server (/etc/resolv.conf)"
        )
        return error(f"{place.host} has no address ({trouble})", advice)
    took = time.monotonic() - begun
    seen = f"{place.host} is {', '.join(found)} ({took * 1000:.0f} ms)"
    if took > _SLOW_NAME:
        return warning(seen, "a name server does not answer: look at /etc/resolv.conf", took_s=took)
    return ok(seen, took_s=round(took, 4))


def connect_finding(route: Route) -> Finding:
    place = route.first
    contacts = [touch(address, place.port, _PATIENCE) for address in _one_of_each(addresses(place))]
    return contacts_finding(str(place), contacts)


def _one_of_each(found: tuple[str, ...]) -> Iterator[str]:
    """The first of IPv4, and the first of IPv6."""
    seen = set()
    for address in found:
        kind = ":" in address
        if kind not in seen:
            seen.add(kind)
            yield address


def contacts_finding(place: str, contacts: list[Contact]) -> Finding:
    told = "; ".join(map(_told, contacts))
    if all(one.trouble for one in contacts):
        advice = "start the server, set --server-url right, or see what a firewall forbids"
        return error(f"{place} cannot be reached: {told}", advice)
    fastest = min(one.took for one in contacts if not one.trouble)
    seen = f"{place} takes connections: {told}"
    if any(one.trouble for one in contacts):
        # Connections are tried over both at once: what is broken costs a quarter of a second each.
        return warning(seen, "have the broken one repaired, or its address taken from the name")
    return ok(seen, took_s=round(fastest, 4))


def _told(contact: Contact) -> str:
    kind = "IPv6" if ":" in contact.address else "IPv4"
    return f"{kind} {contact.trouble or f'in {contact.took * 1000:.0f} ms'}"


def tls_finding(route: Route) -> Finding:
    if urlsplit(route.url).scheme != "https":
        return not_applicable("the server is reached over plain HTTP")
    try:
        shown = certificate(route.server, route.proxy, _PATIENCE, route.trust())
    except FileNotFoundError as trouble:
        named = route.environ.get(_CA, _CA)
        return error(f"{named} is not there ({trouble})", f"set {_CA} right, or leave it out")
    except OSError as trouble:
        return error(f"no secure connection: {trouble}", "see that the address is one of https")
    return certificate_finding(shown, route, time.time())


def certificate_finding(shown: Certificate, route: Route, now: float) -> Finding:
    if shown.distrust is not None:
        return _distrusted(shown, shown.distrust, route)
    own = route.environ.get(_CA) or route.environ.get("SSL_CERT_DIR")
    by = f"trusted by {own}" if own else "trusted by the usual authorities"
    seen = f"{shown.protocol}, issued by {shown.issuer}, {by}"
    if shown.ends is None:
        return ok(seen)
    days = (shown.ends - now) / _DAY
    seen = f"{seen}, good for {days:.0f} days"
    if days < _FEW_DAYS:
        return warning(seen, "see that the server's certificate is renewed by itself", days=days)
    return ok(seen, days=round(days, 1))


def _distrusted(shown: Certificate, why: Distrust, route: Route) -> Finding:
    issuer = f" (issued by {shown.issuer})" if shown.issuer else ""
    match why:
        case Distrust.SELF_SIGNED:
            return error(
                "the server's certificate is signed by itself",
                f"copy it here and set {_CA}=/path/to/it.pem; or have the server get one of an"
                " authority",
            )
        case Distrust.UNKNOWN_ISSUER:
            return error(
                f"the issuer of the server's certificate is not known here{issuer}",
                f"set {_CA}=/path/to/its/ca.pem (your own authority, or that of a proxy that"
                " opens connections); or have the server send its whole chain",
            )
        case Distrust.EXPIRED:
            return error(
                "the server's certificate has run out",
                "renew it at the server, or set this box's clock right",
            )
        case Distrust.NOT_YET:
            return error(
                "the server's certificate is not valid yet", "set this box's clock right (NTP)"
            )
        case Distrust.OTHER_NAME:
            names = ", ".join(shown.names) or shown.subject or "another name"
            return error(
                f"the server's certificate is for {names}, not for {route.server.host}",
                "set --server-url to a name that it is for, or give the server one for this name",
            )
        case Distrust.OTHER:
            return error(
                f"the server's certificate is not believed ({shown.reason}){issuer}",
                "have the server's administrator look at it",
            )
