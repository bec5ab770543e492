"""Transfers through real edges, for as long as wanted."""

import asyncio
from contextlib import suppress

from agent.core.quota import Quotas
from agent.edges.clock import SystemClock
from agent.edges.downloads import HttpInputSource
from agent.edges.http import Connection, Sockets
from agent.edges.lanes import Limits
from agent.edges.tus import TusClient
from agent.model.ids import Bytes, JsonObject
from agent.runtime.lanes import Link
from agent.runtime.traffic import Traffic
from tests.edges.wire import Wire, download_wire, upload_wire

PART = bytes(4 * 1024 * 1024)


class NoNotebook:
    async def read(self) -> JsonObject:
        return {}

    async def write(self, note: JsonObject) -> None:
        """Nobody reads it."""


def link_of(rate: int) -> Link:
    clock = SystemClock()
    return Link(clock, Traffic(Quotas(), NoNotebook(), clock), max_down=rate, max_up=rate)


def connection_to(wire: Wire, rate: int) -> Connection:
    return Connection(wire.url, None, sockets=Sockets(on_connect=Limits(rate, rate).apply))


async def download(rate: int, seconds: float) -> Wire:
    with download_wire() as wire:
        connection = connection_to(wire, rate)
        source = HttpInputSource(connection, lane=link_of(rate).down)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds), source.open("/a", offset=0, etag=None) as body:
                async for _ in body.chunks():
                    pass
        await connection.close()
    return wire


async def upload(rate: int, seconds: float) -> Wire:
    with upload_wire() as wire:
        connection = connection_to(wire, rate)
        tus, offset = TusClient(connection, lane=link_of(rate).up), Bytes(0)
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                while True:
                    offset = await tus.append(wire.url + "/a", offset, PART)
        await connection.close()
    return wire
