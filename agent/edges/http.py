"""The HTTP connection to the server: deadlines, fresh connections, capped answers, our errors."""

import asyncio
import ssl
import time
from collections.abc import AsyncIterable, AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TypeVar

import httpcore
import httpx
from pydantic import BaseModel, ValidationError

from agent.edges.lanes import Socket
from agent.edges.manner import Manner
from agent.model.errors import CredentialsRefusedError, ServerError, ServerUnavailableError
from agent.model.ids import Seconds
from agent.wire.base import MAX_JSON_BODY

CONNECT_TIMEOUT = 10.0
STALL_TIMEOUT = 60.0
"""A read or write that does not move for this long is cut."""
MAX_AGE = Seconds(15 * 60.0)
"""A connection older than this is replaced: NAT boxes and proxies forget silently."""
NEVER_BY_PROXY: Mapping[str, None] = dict.fromkeys(
    ("all://localhost", "all://127.0.0.1", "all://[::1]")
)
"""This very machine, whatever proxy the environment names."""
CONNECTED = "connection.connect_tcp.complete"
OK = range(200, 300)
ERROR = 400

Reply = TypeVar("Reply", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    distrust: Callable[[], None]
    """Have the next request go over a new connection."""

    def parse(self, model: type[Reply]) -> Reply:
        """The body as `model`; a body that does not parse comes from something on the way."""
        try:
            return model.model_validate_json(self.body)
        except ValidationError as error:
            self.distrust()
            raise ServerUnavailableError(
                f"the server's answer ({self.status}) is no {model.__name__}", answered=True
            ) from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Sockets:
    """What carries the requests. Renewed after whatever goes wrong, and when it is too old."""

    max_age: Seconds = MAX_AGE
    now: Callable[[], float] = time.monotonic
    on_connect: Callable[[Socket], None] | None = None
    """Sees each socket before the first byte goes over it."""
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None


class _Generation:
    """One httpx client and the requests that still use it."""

    def __init__(self, client: httpx.AsyncClient, born: float) -> None:
        self.client = client
        self.born = born
        self.users = 0
        self.is_retired = False

    def retire(self) -> None:
        """Take no new request; closed when the last one ends."""
        self.is_retired = True


class Connection:
    """Talks to one server. The token goes to that server's origin and nowhere else.

    `base_url` may carry a path (a server that is mounted below a prefix).
    """

    def __init__(
        self,
        base_url: str,
        token: str | None,
        *,
        user_agent: str = "morag-agent",
        new_token: Callable[[], str | None] = lambda: None,
        sockets: Sockets | None = None,
        manner: Manner | None = None,
    ) -> None:
        """`new_token` is asked when the server refuses ours: a person may have replaced it."""
        self._base = httpx.URL(base_url.rstrip("/"))
        self._token = token
        self._new_token = new_token
        self._user_agent = user_agent
        self._manner = manner or Manner()
        self._sockets = sockets or Sockets()
        self._current: _Generation | None = None
        self._tls: ssl.SSLContext | None = None

    def at(self, route: str) -> str:
        """The address of one of our routes."""
        return str(self._base.copy_with(path=self._base.path.rstrip("/"))) + route

    def resolve(self, url: str) -> str:
        """An address that the server gave, which may be relative to the server.

        A server behind a prefix may not know of it, and says `/v1/…` for `/prefix/v1/…`.
        """
        prefix = self._base.path.rstrip("/")
        is_rooted = url.startswith("/") and not url.startswith("//")
        if is_rooted and not url.startswith(prefix + "/"):
            url = prefix + url
        try:
            return str(httpx.URL(self.at("/")).join(url))
        except httpx.InvalidURL as error:
            raise ServerUnavailableError(f"not an address: {error}", answered=True) from error

    def is_own(self, url: str) -> bool:
        return _origin(httpx.URL(url)) == _origin(self._base)

    async def call(
        self,
        method: str,
        url: str,
        *,
        json: BaseModel | None = None,
        content: bytes | AsyncIterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float = 30.0,
    ) -> Answer:
        """One request and its whole answer, within `deadline` seconds.

        Content in pieces comes with its Content-Length.
        Raises the `ServerError` that the answer, or its absence, stands for.
        """
        sent = dict(headers or {})
        if json is not None:
            content = json.model_dump_json(exclude_none=True).encode()
            sent["Content-Type"] = "application/json"
        try:
            async with (
                asyncio.timeout(deadline),
                self.stream(method, url, content=content, headers=sent, stall=deadline) as response,
            ):
                body = await read_answer(response)
                if response.status_code not in OK:
                    raise self._refusal(response, body)
                return Answer(response.status_code, response.headers, body, self._distrust)
        except TimeoutError as error:
            self._distrust()
            raise ServerUnavailableError(f"no answer within {deadline:g} s") from error

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        url: str,
        *,
        content: bytes | AsyncIterable[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
        stall: float = STALL_TIMEOUT,
    ) -> AsyncIterator[httpx.Response]:
        """One request whose answer is read by the caller; redirects are left to the caller too."""
        last, generation = self._current, self._fresh()
        generation.users += 1
        timeout = httpx.Timeout(stall, connect=CONNECT_TIMEOUT)
        try:
            if last is not None:
                await self._bury(last)
            async with generation.client.stream(
                method,
                url,
                content=content,
                headers=self._headers(url, headers),
                timeout=timeout,
                extensions={"trace": self._trace} if self._sockets.on_connect else None,
            ) as response:
                yield response
        except httpx.InvalidURL as error:
            raise ServerUnavailableError(f"not an address: {error}") from error
        except httpx.HTTPError as error:
            generation.retire()
            raise ServerUnavailableError(told(error)) from error
        except ServerUnavailableError:
            generation.retire()
            raise
        finally:
            generation.users -= 1
            await self._bury(generation)

    def use_token(self, token: str | None) -> None:
        """From the next request on."""
        self._token = token

    async def close(self) -> None:
        generation, self._current = self._current, None
        if generation is not None:
            generation.retire()
            await self._bury(generation)

    def _headers(self, url: str, headers: Mapping[str, str] | None) -> dict[str, str]:
        ours = {"Accept-Encoding": "identity", "User-Agent": self._user_agent, **(headers or {})}
        if self._token is not None and self.is_own(url):
            ours |= self._manner.key_headers(self._token)
        return ours

    def _refusal(self, response: httpx.Response, body: bytes) -> ServerError:
        error = self._manner.refusal(response.status_code, response.headers, body)
        if isinstance(error, CredentialsRefusedError):
            self._token = self._new_token() or self._token
        return error

    def _distrust(self) -> None:
        if self._current is not None:
            self._current.retire()

    def _fresh(self) -> _Generation:
        current, now = self._current, self._sockets.now()
        if current is not None and now - current.born > self._sockets.max_age:
            current.retire()
        if current is None or current.is_retired:
            current = self._current = _Generation(self._client(), now)
        return current

    def _client(self) -> httpx.AsyncClient:
        if self._sockets.transport is not None:
            return httpx.AsyncClient(transport=self._sockets.transport())
        # One context for all: reading the certificates costs more than a request.
        self._tls = self._tls or httpx.create_ssl_context()
        return httpx.AsyncClient(verify=self._tls, mounts=NEVER_BY_PROXY)

    async def _trace(self, event: str, told: Mapping[str, object]) -> None:
        """What httpcore says of a request's progress."""
        stream, see = told.get("return_value"), self._sockets.on_connect
        if event != CONNECTED or see is None or not isinstance(stream, httpcore.AsyncNetworkStream):
            return
        connection = stream.get_extra_info("socket")
        if isinstance(connection, Socket):
            see(connection)

    async def _bury(self, generation: _Generation) -> None:
        if generation.is_retired and not generation.users:
            await generation.client.aclose()


async def read_answer(response: httpx.Response) -> bytes:
    """The body of an answer that is no file."""
    body = bytearray()
    async for chunk in response.aiter_raw():
        body += chunk
        if len(body) > MAX_JSON_BODY:
            raise ServerUnavailableError("the answer is over 1 MiB")
    return bytes(body)


def _origin(url: httpx.URL) -> tuple[str, str, int | None]:
    default = {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.host, url.port or default


def told(error: httpx.HTTPError) -> str:
    """What an error of httpx says, for people."""
    # The text of some httpx errors is empty, and none of ours may carry a signed address.
    kind = type(error).__name__
    match error:
        case httpx.ConnectError() | httpx.ConnectTimeout():
            return f"the server cannot be reached ({str(error) or kind})"
        case httpx.TimeoutException():
            return f"the connection stalled ({kind})"
        case _:
            return f"the connection broke ({kind})"
