"""A large file behind HTTP ranges, made up as it is sent; counts what it gives away."""

import hashlib
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BLOCK = 256 * 1024
ROUND = 8 * 1024 * 1024 - 17
"""The content repeats, but never where a wrong offset is likely to fall."""
ETAG = '"the-first-version"'


class RangeSource:
    def __init__(self, size: int) -> None:
        self.size = size
        self.sent = 0
        """Bytes handed to the kernel, over all requests."""
        self.starts: list[int] = []
        """Where each request wanted to begin."""
        self._round = random.Random(1).randbytes(ROUND)
        self._twice = memoryview(self._round * 2)

    def bytes_at(self, offset: int) -> memoryview:
        start = offset % ROUND
        return self._twice[start : start + min(BLOCK, self.size - offset)]

    def sha256(self) -> str:
        digest = hashlib.sha256()
        for offset in range(0, self.size, BLOCK):
            digest.update(self.bytes_at(offset))
        return digest.hexdigest()

    @contextmanager
    def served(self) -> Iterator[str]:
        """Gives the address of the file."""
        server = ThreadingHTTPServer(
            ("127.0.0.1", 0), type("Handler", (_Handler,), {"source": self})
        )
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/large.txt"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


class _Handler(BaseHTTPRequestHandler):
    source: RangeSource
    protocol_version = "HTTP/1.1"

    def setup(self) -> None:
        # What lies in the kernel when its reader dies is lost, and counts as sent: keep it low.
        self.request.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BLOCK)
        super().setup()

    def do_GET(self) -> None:
        start = self._start()
        self.source.starts.append(start)
        self.send_response(206 if start else 200)
        self.send_header("ETag", ETAG)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(self.source.size - start))
        if start:
            self.send_header(
                "Content-Range", f"bytes {start}-{self.source.size - 1}/{self.source.size}"
            )
        self.end_headers()
        try:
            self._send_from(start)
        except ConnectionError:
            self.close_connection = True

    def _start(self) -> int:
        """0 too where the version that was asked for is another one (RFC 9110, If-Range)."""
        wanted = self.headers.get("Range")
        if wanted is None or self.headers.get("If-Range", ETAG) != ETAG:
            return 0
        return int(wanted.removeprefix("bytes=").partition("-")[0])

    def _send_from(self, start: int) -> None:
        while start < self.source.size:
            block = self.source.bytes_at(start)
            self.wfile.write(block)
            self.source.sent += len(block)
            start += len(block)

    def log_message(self, *_: object) -> None:
        """Nobody wants to read about each request."""
