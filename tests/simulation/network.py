"""Carries requests from the agents and the client to whoever listens, through all the weather."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Coroutine, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any, Protocol, TypeVar

import httpx

from tests.simulation.call import Call, Headers, Reply
from tests.simulation.clocks import wall
from tests.simulation.exchange import ERROR, App, Exchange
from tests.simulation.faults import Fate, Fates, Kind
from tests.simulation.loop import SimulationLoop
from tests.simulation.pipe import CutError

HTML = b"<!doctype html><title>Please log in</title><p>Welcome to our hotel." + b" " * 3000
T = TypeVar("T")


class Host(Protocol):
    """Who answers at one address."""

    @property
    def app(self) -> App | None:
        """None while nobody listens."""
        ...

    @property
    def is_off(self) -> bool:
        """Not even the kernel answers."""
        ...

    def start(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]": ...


@dataclass(frozen=True, slots=True)
class Patience:
    connect: float = 10.0
    write: float = 60.0
    read: float = 60.0


class Tap(Protocol):
    """Who listens on the wire."""

    def note(self, who: str, what: str) -> None: ...

    def sent(self, call: Call) -> None:
        """The caller begins to speak."""
        ...

    def answered(self, call: Call, reply: Reply) -> None:
        """The server has said it, whether or not anybody hears it."""
        ...

    def delivered(self, call: Call, reply: Reply) -> None:
        """The caller has all of it."""
        ...

    def torn(self, call: Call) -> None:
        """The answer broke off before its end."""
        ...

    def spoiled(self, call: Call, kind: Kind) -> None:
        """Something other than the server answered, or altered what it said."""
        ...


@dataclass
class Network:
    loop: SimulationLoop
    fates: Fates
    tap: Tap
    hosts: dict[str, Host] = field(default_factory=dict[str, Host])
    dead: set[str] = field(default_factory=set[str])
    """Callers whose process is over."""
    _open: dict[int, Exchange] = field(default_factory=dict[int, Exchange])
    _later: "set[asyncio.Task[None]]" = field(default_factory=set)
    _numbers: "itertools.count[int]" = field(default_factory=lambda: itertools.count(1))

    def call(self, caller: str, method: str, url: str, headers: Headers, body: bytes) -> Call:
        return Call(next(self._numbers), caller, method, url, headers, body)

    @asynccontextmanager
    async def send(
        self, call: Call, patience: Patience
    ) -> AsyncIterator[tuple[Reply, AsyncIterator[bytes]]]:
        """The answer while it arrives. Raises the errors of httpx."""
        fate = self.fates.draw(call, self.loop.true_time())
        self.tap.note(call.caller, f"{call.number} {call.method} {call.path} {fate.kind.name}")
        self.tap.sent(call)
        await self._reach(call, fate, patience)
        if fate.kind in {Kind.STATUS, Kind.HTML}:
            yield await self._instead(call, fate, patience)
            return
        exchange = self._deliver(call, fate)
        if fate.kind is Kind.DUPLICATED:
            self._deliver_later(call, fate.delay)
        try:
            with _translated(call):
                await _within(patience.write, exchange.write(), httpx.WriteTimeout)
                if fate.kind is Kind.ANSWER_LOST:
                    await self._lose_answer(exchange, patience)
                reply = await _within(patience.read, exchange.head(), httpx.ReadTimeout)
                yield reply, self._body(exchange, reply, patience)
        finally:
            exchange.leave()

    def hang_up(self, caller: str, *, is_silent: bool) -> None:
        """The caller's process is gone, with or without a word from its kernel."""
        for exchange in [one for one in self._open.values() if one.call.caller == caller]:
            exchange.silence() if is_silent else exchange.leave()

    def break_off(self, host: str, *, is_silent: bool) -> None:
        """The host's process is gone."""
        for exchange in [one for one in self._open.values() if one.call.host == host]:
            exchange.silence() if is_silent else exchange.drop()

    async def _reach(self, call: Call, fate: Fate, patience: Patience) -> None:
        request = _request(call)
        if call.caller in self.dead:
            raise httpx.ConnectError("the process is dead", request=request)
        await asyncio.sleep(fate.latency)
        now = self.loop.true_time()
        for partition in self.fates.weather.partitions:
            if partition.holds(call.caller, now):
                await self._refuse(request, patience, is_silent=partition.is_silent)
        host = self.hosts[call.host]
        if host.is_off or host.app is None or fate.kind is Kind.REFUSED:
            is_silent = host.is_off or (fate.kind is Kind.REFUSED and fate.is_silent)
            await self._refuse(request, patience, is_silent=is_silent)
        if fate.kind is Kind.REQUEST_LOST:
            if not fate.is_silent:
                raise httpx.ReadError("reset", request=request)
            await asyncio.sleep(patience.read)
            raise httpx.ReadTimeout("no answer", request=request)

    async def _refuse(self, request: httpx.Request, patience: Patience, *, is_silent: bool) -> None:
        if not is_silent:
            raise httpx.ConnectError("refused", request=request)
        await asyncio.sleep(patience.connect)
        raise httpx.ConnectTimeout("no answer", request=request)

    def _deliver(self, call: Call, fate: Fate) -> Exchange:
        host = self.hosts[call.host]
        exchange = Exchange(call, fate, self.tap.answered)
        app = host.app
        if app is None:
            exchange.drop()
            return exchange
        self._open[call.number] = exchange
        exchange.task = host.start(exchange.serve(app))
        exchange.task.add_done_callback(lambda _: self._open.pop(call.number, None))
        return exchange

    def _deliver_later(self, call: Call, delay: float) -> None:
        async def again() -> None:
            await asyncio.sleep(delay)
            copy = self.call(call.caller, call.method, call.url, call.headers, call.body)
            self.tap.note(call.caller, f"{copy.number} {call.method} {call.path} again")
            await self._in_full(self._deliver(copy, Fate()))

        self._later.add(self.hosts[call.host].start(again()))

    async def _in_full(self, exchange: Exchange) -> None:
        """The application hears and answers, and nobody cares what."""
        try:
            await exchange.write()
            await self._unheard(exchange)
        except CutError:
            return

    async def _unheard(self, exchange: Exchange) -> None:
        try:
            await exchange.head()
            while await exchange.read() is not None:
                pass
        except CutError:
            return

    async def _lose_answer(self, exchange: Exchange, patience: Patience) -> None:
        request = _request(exchange.call)
        await _within(patience.read, self._unheard(exchange), httpx.ReadTimeout)
        if exchange.fate.is_silent:
            await asyncio.sleep(patience.read)
            raise httpx.ReadTimeout("no answer", request=request)
        raise httpx.ReadError("reset", request=request)

    async def _instead(
        self, call: Call, fate: Fate, patience: Patience
    ) -> tuple[Reply, AsyncIterator[bytes]]:
        """Something on the way answers."""
        if fate.was_done:
            exchange = self._deliver(call, Fate())
            await _within(patience.read, self._in_full(exchange), httpx.ReadTimeout)
        self.tap.spoiled(call, fate.kind)
        status = fate.status if fate.kind is Kind.STATUS or fate.is_silent else 200
        headers = {"content-type": "text/html", "content-length": str(len(HTML))}
        wait = fate.retry_after
        if wait is not None and fate.kind is Kind.STATUS:
            headers["retry-after"] = self._date(float(wait)) if wait.startswith("+") else wait
        return Reply(status, tuple(headers.items())), _only(HTML)

    def _date(self, seconds: float) -> str:
        return formatdate(wall(self.loop) + seconds, usegmt=True)

    async def _body(
        self, exchange: Exchange, reply: Reply, patience: Patience
    ) -> AsyncIterator[bytes]:
        call, heard = exchange.call, list[bytes]()
        with _translated(call):
            while True:
                try:
                    chunk = await _within(patience.read, exchange.read(), httpx.ReadTimeout)
                except CutError:
                    self.tap.torn(call)
                    raise
                if chunk is None:
                    break
                if not call.is_download or reply.status >= ERROR:
                    heard.append(chunk)
                yield chunk
        if exchange.fate.kind in {Kind.CORRUPT_DOWN, Kind.CORRUPT_UP}:
            self.tap.spoiled(call, exchange.fate.kind)
        self.tap.delivered(call, Reply(reply.status, reply.headers, b"".join(heard)))


@contextmanager
def _translated(call: Call) -> Iterator[None]:
    try:
        yield
    except CutError:
        raise httpx.ReadError("reset", request=_request(call)) from None


async def _within(
    seconds: float, work: Coroutine[Any, Any, T], late: type[httpx.TimeoutException]
) -> T:
    try:
        async with asyncio.timeout(seconds):
            return await work
    except TimeoutError:
        raise late("no answer") from None


def _request(call: Call) -> httpx.Request:
    return httpx.Request(call.method, call.url)


async def _only(body: bytes) -> AsyncIterator[bytes]:
    yield body
