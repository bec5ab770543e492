"""The model hub over plain HTTP: what a repository holds, and a file's bytes from any point on.

The hub's own library does not go on where a broken download stopped, and checks no digest; all that
is needed of its interface is one listing and one address a file.
"""

import http.client
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Protocol
from urllib.parse import quote, urlsplit

from agent.model.ids import Bytes
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.models.catalogue import Hub
from agent.pipelines.models.digests import Algorithm

_WANTED = ("config.json", "preprocessor_config.json", "model.bin", "tokenizer.json", "vocabulary.*")
_AT_ONCE = 1 << 20
_LONGEST_LISTING = 4 << 20
_MAY_PASS = frozenset({408, 425, 429, 500, 502, 503, 504})
"""What a server says when the same request may succeed later."""
_PARTIAL = 206


class HubError(EngineUnavailableError):
    """The hub, or the way to it, does not give what is asked for."""


class HubCutError(HubError):
    """… this time: asking again may help."""


@dataclass(frozen=True, slots=True)
class RemoteFile:
    name: str
    size: Bytes
    algorithm: Algorithm
    digest: str


class Body(Protocol):
    """What is read of a response."""

    def read(self, amount: int, /) -> bytes: ...


class HubSite:
    """One hub; proxies and certificates are those of the environment."""

    def __init__(self, endpoint: str, timeout: float = 30.0) -> None:
        """Without a byte for `timeout` seconds, a request has failed."""
        if urlsplit(endpoint).scheme not in ("http", "https"):
            raise HubError(f"the model hub {endpoint!r} is no http address.")
        self.endpoint = endpoint.rstrip("/")
        self._timeout = timeout
        self._opener = urllib.request.build_opener()

    def files(self, hub: Hub) -> tuple[RemoteFile, ...]:
        """What a speech engine needs of the repository, with size and digest of each."""
        address = f"{self.endpoint}/api/models/{quote(hub.repository)}/revision/{hub.revision}"
        with self._opened(f"{address}?blobs=true", {}) as response:
            text = _read(response, _LONGEST_LISTING)
        try:
            siblings = json.loads(text)["siblings"]
            files = tuple(_remote(one) for one in siblings if _is_wanted(one["rfilename"]))
        except (ValueError, KeyError, TypeError) as error:
            raise HubError(f"{self.endpoint} does not answer as a model hub does.") from error
        if not files:
            raise HubError(f"{hub.repository} at {self.endpoint} holds no speech model.")
        return files

    @contextmanager
    def opened(self, hub: Hub, name: str, start: int) -> Iterator[tuple[int, Iterator[bytes]]]:
        """Where the answer really starts, which may be 0 all the same, and its bytes."""
        address = f"{self.endpoint}/{quote(hub.repository)}/resolve/{hub.revision}/{quote(name)}"
        headers = {"Range": f"bytes={start}-"} if start else {}
        with self._opened(address, headers) as response:
            goes_on = response.status == _PARTIAL and _starts_at(response, start)
            yield (start if goes_on else 0), _chunks(response)

    def _opened(self, address: str, headers: Mapping[str, str]) -> http.client.HTTPResponse:
        request = urllib.request.Request(  # noqa: S310 - http alone, see __init__
            address, headers={"User-Agent": "morag-agent", "Accept-Encoding": "identity", **headers}
        )
        try:
            response: http.client.HTTPResponse = self._opener.open(request, timeout=self._timeout)
        except urllib.error.HTTPError as error:
            error.close()
            kind = HubCutError if error.code in _MAY_PASS else HubError
            raise kind(f"{self.endpoint} answers {error.code} {error.reason}.") from error
        except (http.client.HTTPException, OSError) as error:
            raise _unreachable(self.endpoint, error) from error
        return response


def _unreachable(endpoint: str, error: Exception) -> HubError:
    reason = error.reason if isinstance(error, urllib.error.URLError) else error
    if isinstance(reason, ssl.SSLError):
        advice = "name the right certificates in SSL_CERT_FILE"
        return HubError(f"{endpoint} cannot be trusted ({reason}): {advice}.")
    return HubCutError(f"{endpoint} cannot be reached: {reason or type(reason).__name__}.")


def _read(response: Body, amount: int) -> bytes:
    try:
        return response.read(amount)
    except (http.client.HTTPException, OSError) as error:
        raise HubCutError(f"the connection to the hub broke ({error!r}).") from error


def _chunks(response: Body) -> Iterator[bytes]:
    while chunk := _read(response, _AT_ONCE):
        yield chunk


def _starts_at(response: http.client.HTTPResponse, start: int) -> bool:
    return response.headers.get("Content-Range", "").startswith(f"bytes {start}-")


def _is_wanted(name: str) -> bool:
    """Never a path: what a stranger's listing names stays in our folder."""
    return "/" not in name and any(fnmatchcase(name, pattern) for pattern in _WANTED)


def _remote(sibling: Mapping[str, object]) -> RemoteFile:
    name, size = str(sibling["rfilename"]), sibling["size"]
    if not isinstance(size, int) or size < 0:
        raise ValueError(f"{name} has no size")
    match sibling.get("lfs"):
        case {"sha256": str(digest)}:
            return RemoteFile(name, Bytes(size), Algorithm.SHA256, digest)
        case _:
            return RemoteFile(name, Bytes(size), Algorithm.GIT_BLOB, str(sibling["blobId"]))
