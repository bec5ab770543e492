"""Inputs over HTTP: one ranged request at a time, redirects within the protocol's rules."""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager

import httpx

from agent.edges.http import ERROR, STALL_TIMEOUT, Connection, told
from agent.edges.job_traffic import JobTraffic, nobody
from agent.edges.lanes import FreeLane
from agent.edges.problems import error_of
from agent.model.errors import AgentError, InputUnavailableError, ServerUnavailableError
from agent.model.ids import Bytes, Seconds
from agent.ports import Body, Lane, NothingLeft, Opened, Part, Whole

MOST_REDIRECTS = 5
LONGEST_PROBLEM = 64 * 1024
PARTIAL = 206
CONTENT = frozenset({200, 203, PARTIAL})
"""What brings bytes of the input; 203 is 200 through a proxy that owns to it."""
RANGE_NOT_SATISFIABLE = 416
NOWHERE = Bytes(-1)
"""Where a part begins that does not say it, or says what cannot be: never where we asked."""
_CONTENT_RANGE = re.compile(r"(?:bytes )?(?:([0-9]{1,18})-([0-9]{1,18})|\*)/([0-9]{1,18}|\*)")
"""Starlette leaves the unit out where nothing is left (416)."""
_SIZE = re.compile(r"[0-9]{1,18}")


class HttpInputSource:
    """The `InputSource` port over HTTP."""

    def __init__(
        self,
        connection: Connection,
        headers: Mapping[str, str] | None = None,
        *,
        stall: float = STALL_TIMEOUT,
        traffic: JobTraffic | None = None,
        lane: Lane | None = None,
    ) -> None:
        self._connection = connection
        self._stall = stall
        self._traffic = traffic or JobTraffic(nobody)
        self._lane = lane or FreeLane()
        self._headers = dict(headers or {})

    @asynccontextmanager
    async def open(self, url: str, *, offset: int, etag: str | None) -> AsyncIterator[Body]:
        address = self._connection.resolve(url)
        await self._lane.enter()
        for _ in range(MOST_REDIRECTS):
            async with AsyncExitStack() as opened:
                found = await self._ask(address, _range(offset, etag), opened)
                if not isinstance(found, str):
                    yield found
                    return
                address = found
        raise InputUnavailableError(f"the input's address was redirected {MOST_REDIRECTS} times")

    async def _ask(
        self, address: str, headers: Mapping[str, str], opened: AsyncExitStack
    ) -> Body | str:
        """The answer, left open in `opened`, or the address that it points to.

        A body that comes has all the time that its reader gives it; what is before it has not.
        """
        sent = {**headers, **(self._headers if self._connection.is_own(address) else {})}
        try:
            async with asyncio.timeout(self._stall):
                response = await opened.enter_async_context(
                    self._connection.stream("GET", address, headers=sent, stall=self._stall)
                )
                if response.has_redirect_location:
                    return _redirected(address, response)
                return await self._body(address, response)
        except TimeoutError as error:
            raise ServerUnavailableError(
                f"the source did not begin to send within {self._stall:g} s"
            ) from error

    async def _body(self, address: str, response: httpx.Response) -> Body:
        if response.status_code == RANGE_NOT_SATISFIABLE:
            return _HttpBody(response, NothingLeft(_total(response)), self._traffic, self._lane)
        if response.status_code >= ERROR:
            raise await self._refusal(address, response)
        if response.status_code not in CONTENT:
            raise ServerUnavailableError(
                f"the input's source answered {response.status_code}", answered=True
            )
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            # One machine of many may do so: the next one that answers may not.
            raise ServerUnavailableError(
                "the source sends the input encoded, which it was asked not to", answered=True
            )
        return _HttpBody(response, _opened(response), self._traffic, self._lane)

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
    def __init__(
        self, response: httpx.Response, opened: Opened, traffic: JobTraffic, lane: Lane
    ) -> None:
        self._response = response
        self._traffic = traffic
        self._opened = opened
        self._lane = lane
        self._held = 0.0

    @property
    def opened(self) -> Opened:
        return self._opened

    @property
    def held(self) -> Seconds:
        return Seconds(self._held)

    async def chunks(self) -> AsyncIterator[bytes]:
        # Without a size: httpx would copy every byte once more to cut pieces of one length.
        try:
            async for chunk in self._response.aiter_raw():
                self._traffic.on_received(len(chunk))
                yield chunk
                # While we do not read, the source cannot send more than the socket's buffer takes.
                self._held += await self._lane.carry(len(chunk))
                if self._lane.closed is not None:
                    raise ServerUnavailableError(self._lane.closed)
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


def _redirected(address: str, response: httpx.Response) -> str:
    there = httpx.URL(address).join(response.headers["location"])
    if there.scheme != "https" and (there.scheme != "http" or address.startswith("https:")):
        raise InputUnavailableError(f"the input was redirected to {there.scheme}, which is unsafe")
    return str(there)


def _opened(response: httpx.Response) -> Opened:
    etag = response.headers.get("etag")
    if response.status_code != PARTIAL:
        return Whole(_length(response), etag)
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    if found is None or found[1] is None:
        return Part(NOWHERE, None, etag)
    total, length = _total(response), _length(response)
    first, last = int(found[1]), int(found[2])
    is_sound = first <= last and (total is None or last < total)
    if not is_sound or length not in {None, last - first + 1}:
        return Part(NOWHERE, total, etag)
    return Part(Bytes(first), total, etag)


def told_size(response: httpx.Response) -> Bytes | None:
    """Of the whole input, whatever part of it the answer brings."""
    is_whole = "content-range" not in response.headers
    return _length(response) if is_whole else _total(response)


def _length(response: httpx.Response) -> Bytes | None:
    size = response.headers.get("content-length", "")
    return Bytes(int(size)) if _SIZE.fullmatch(size) else None


def _total(response: httpx.Response) -> Bytes | None:
    found = _CONTENT_RANGE.fullmatch(response.headers.get("content-range", "").strip())
    return Bytes(int(found[3])) if found is not None and found[3] != "*" else None
