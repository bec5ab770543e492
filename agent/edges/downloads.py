"""Inputs over HTTP: one ranged request at a time, redirects within the protocol's rules."""

import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import httpx

from agent.edges.http import ERROR, OK, Connection, told
from agent.edges.problems import error_of
from agent.model.errors import AgentError, InputUnavailableError, ServerUnavailableError
from agent.model.ids import Bytes
from agent.ports import Body, NothingLeft, Opened, Part, Whole

MOST_REDIRECTS = 5
LONGEST_PROBLEM = 64 * 1024
PARTIAL = 206
RANGE_NOT_SATISFIABLE = 416
_CONTENT_RANGE = re.compile(r"bytes (?:([0-9]{1,18})-[0-9]{1,18}|\*)/([0-9]{1,18}|\*)")
_SIZE = re.compile(r"[0-9]{1,18}")


class HttpInputSource:
    """The `InputSource` port over HTTP."""

    def __init__(self, connection: Connection, headers: Mapping[str, str] | None = None) -> None:
        self._connection = connection
        self._headers = dict(headers or {})

    @asynccontextmanager
    async def open(self, url: str, *, offset: int, etag: str | None) -> AsyncIterator[Body]:
        address = self._connection.resolve(url)
        for _ in range(MOST_REDIRECTS):
            headers = _range(offset, etag)
            if self._connection.is_own(address):
                headers |= self._headers
            async with self._connection.stream("GET", address, headers=headers) as response:
                if not response.has_redirect_location:
                    yield await self._body(address, response)
                    return
                address = str(httpx.URL(address).join(response.headers["location"]))
        raise InputUnavailableError(f"the input's address was redirected {MOST_REDIRECTS} times")

    async def _body(self, address: str, response: httpx.Response) -> Body:
        if response.status_code == RANGE_NOT_SATISFIABLE:
            return _HttpBody(response, NothingLeft(_total(response)))
        if response.status_code >= ERROR:
            raise await self._refusal(address, response)
        if response.status_code not in OK:
            raise ServerUnavailableError(
                f"the input's source answered {response.status_code}", answered=True
            )
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            raise InputUnavailableError(
                "the source sends the input encoded, which it was asked not to"
            )
        return _HttpBody(response, _opened(response))

    async def _refusal(self, address: str, response: httpx.Response) -> AgentError:
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > LONGEST_PROBLEM:
                break
        if self._connection.is_own(address):
            return error_of(response.status_code, response.headers, bytes(body))
        # A stranger's 401 is about its own rules: never about our token, which it does not get.
        if response.status_code in range(401, 405) or response.status_code == httpx.codes.GONE:
            return InputUnavailableError(f"the input's source answered {response.status_code}")
        return error_of(response.status_code, response.headers, b"")


class _HttpBody:
    def __init__(self, response: httpx.Response, opened: Opened) -> None:
        self._response = response
        self._opened = opened

    @property
    def opened(self) -> Opened:
        return self._opened

    async def chunks(self) -> AsyncIterator[bytes]:
        # Without a size: httpx would copy every byte once more to cut pieces of one length.
        try:
            async for chunk in self._response.aiter_raw():
                yield chunk
        except httpx.HTTPError as error:
            raise ServerUnavailableError(told(error)) from error


def _range(offset: int, etag: str | None) -> dict[str, str]:
    if not offset:
        return {}
    headers = {"Range": f"bytes={offset}-"}
    # RFC 9110, section 13.1.5: a weak validator must not be used here.
    if etag is not None and etag.isascii() and not etag.startswith("W/"):
        headers["If-Range"] = etag
    return headers


def _opened(response: httpx.Response) -> Opened:
    etag = response.headers.get("etag")
    if response.status_code != PARTIAL:
        return Whole(_length(response), etag)
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if found is None or found[1] is None:
        raise ServerUnavailableError("a partial answer came without a usable Content-Range")
    return Part(Bytes(int(found[1])), _total(response), etag)


def _length(response: httpx.Response) -> Bytes | None:
    size = response.headers.get("content-length", "")
    return Bytes(int(size)) if _SIZE.fullmatch(size) else None


def _total(response: httpx.Response) -> Bytes | None:
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    return Bytes(int(found[2])) if found is not None and found[2] != "*" else None
