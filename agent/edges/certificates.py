"""The certificate that a server shows, judged as our requests judge it."""

import ssl
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import StrEnum

import httpx

from agent.edges.reaching import Place, UnreachableError, connected


class Distrust(StrEnum):
    """Why a certificate is not believed."""

    SELF_SIGNED = "self_signed"
    UNKNOWN_ISSUER = "unknown_issuer"
    EXPIRED = "expired"
    NOT_YET = "not_yet"
    OTHER_NAME = "other_name"
    OTHER = "other"


_X509: Mapping[int, Distrust] = {
    9: Distrust.NOT_YET,
    10: Distrust.EXPIRED,
    18: Distrust.SELF_SIGNED,
    19: Distrust.UNKNOWN_ISSUER,
    20: Distrust.UNKNOWN_ISSUER,
    21: Distrust.UNKNOWN_ISSUER,
    62: Distrust.OTHER_NAME,
    64: Distrust.OTHER_NAME,
}
"""OpenSSL's numbers (x509_vfy.h)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    subject: str = ""
    issuer: str = ""
    names: tuple[str, ...] = ()
    ends: float | None = None
    """Seconds since 1970."""
    protocol: str = ""
    """TLSv1.3."""
    distrust: Distrust | None = None
    reason: str = ""


def certificate(
    target: Place, proxy: str | None, patience: float, trust: ssl.SSLContext | None = None
) -> Certificate:
    """What the server shows, judged as our requests judge it. Raises `OSError`."""
    context = trust or httpx.create_ssl_context()
    try:
        with _secured(target, proxy, patience, context) as wire:
            return _read(wire)
    except ssl.SSLCertVerificationError as error:
        kind = _X509.get(error.verify_code, Distrust.OTHER)
        shown = _unbelieved(target, proxy, patience)
        return Certificate(
            subject=shown.subject,
            issuer=shown.issuer,
            names=shown.names,
            ends=shown.ends,
            distrust=kind,
            reason=error.verify_message,
        )
    except ssl.SSLError as error:
        raise UnreachableError(f"no TLS is spoken there ({error.reason or error})") from error


@contextmanager
def _secured(
    target: Place, proxy: str | None, patience: float, context: ssl.SSLContext
) -> Iterator[ssl.SSLSocket]:
    with (
        connected(target, proxy, patience) as plain,
        context.wrap_socket(plain, server_hostname=target.host) as wire,
    ):
        yield wire


def _unbelieved(target: Place, proxy: str | None, patience: float) -> Certificate:
    """What it says of itself. Python reads only what it believes, so it is told to believe it."""
    blind = ssl.create_default_context()
    blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
    with suppress(OSError, ValueError):
        with _secured(target, proxy, patience, blind) as wire:
            shown = wire.getpeercert(binary_form=True) or b""
        believing = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        believing.check_hostname = False
        believing.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        believing.load_verify_locations(cadata=shown)
        with _secured(target, proxy, patience, believing) as wire:
            return _read(wire)
    return Certificate()


def _read(wire: ssl.SSLSocket) -> Certificate:
    told = wire.getpeercert() or {}
    ends = told.get("notAfter")
    return Certificate(
        subject=_common_name(told.get("subject", ())),
        issuer=_common_name(told.get("issuer", ())),
        names=tuple(str(entry[1]) for entry in told.get("subjectAltName", ())),
        ends=ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None,
        protocol=wire.version() or "",
    )


def _common_name(parts: object) -> str:
    """Of an issuer without one, its organisation."""
    named = dict(pair for part in _pairs(parts) for pair in part)
    return named.get("commonName") or named.get("organizationName") or ""


def _pairs(parts: object) -> Sequence[Sequence[tuple[str, str]]]:
    return parts if isinstance(parts, tuple) else ()
