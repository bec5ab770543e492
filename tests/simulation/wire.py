"""httpx over the simulated network."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx

from tests.simulation.network import Network, Patience


class Wire(httpx.AsyncBaseTransport):
    """What stands in for the sockets of one process."""

    def __init__(self, network: Network, process: str) -> None:
        self._network = network
        self._process = process

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        body = await request.aread()
        headers = tuple((key.lower(), value) for key, value in request.headers.items())
        call = self._network.call(self._process, request.method, str(request.url), headers, body)
        times = request.extensions["timeout"]
        patience = Patience(times["connect"], times["write"], times["read"])
        stack = AsyncExitStack()
        reply, chunks = await stack.enter_async_context(self._network.send(call, patience))
        return httpx.Response(
            reply.status, headers=list(reply.headers), stream=_Stream(chunks, stack)
        )


class _Stream(httpx.AsyncByteStream):
    def __init__(self, chunks: AsyncIterator[bytes], stack: AsyncExitStack) -> None:
        self._chunks = chunks
        self._stack = stack

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in self._chunks:
            yield chunk

    async def aclose(self) -> None:
        await self._stack.aclose()
