"""A model hub on loopback, with its faults as data."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit

SMALL_FILES = {
    "config.json": b'{"alignment_heads": []}',
    "tokenizer.json": b'{"model": {}}',
    "vocabulary.txt": b"a\nb\n",
    "README.md": b"# not wanted",
}


def content_of(weights: bytes) -> dict[str, bytes]:
    return SMALL_FILES | {"model.bin": weights}


@dataclass
class FakeHub:
    """Serves one model, whatever repository is asked for."""

    files: dict[str, bytes]
    url: str = ""
    promised: dict[str, bytes] = field(default_factory=dict)
    """What the listing says a file is, where that is not what is sent."""
    listed_as: dict[str, str] = field(default_factory=dict)
    """Names in the listing, where they are others."""
    listing: bytes | None = None
    """The whole answer, where it is none."""
    cuts: list[int] = field(default_factory=list)
    """Each ends one answer about the weights after that many bytes of it."""
    refusals: list[int] = field(default_factory=list)
    """Each is the status of one request, whatever is asked for."""
    knows_ranges: bool = True
    redirects: bool = False
    """Weights come from another address, as those of the real hub do."""
    requests: list[tuple[str, str | None]] = field(default_factory=list)
    """Path and range of each."""

    @property
    def ranges(self) -> list[str | None]:
        """Of the requests for the weights."""
        return [wanted for path, wanted in self.requests if path.endswith("/model.bin")]

    def listed(self) -> bytes:
        siblings = [self._sibling(name) for name in self.files]
        return json.dumps({"siblings": siblings}).encode()

    def _sibling(self, name: str) -> dict[str, object]:
        content = self.promised.get(name, self.files[name])
        blob = hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()  # noqa: S324
        entry = {"rfilename": self.listed_as.get(name, name), "size": len(content), "blobId": blob}
        if name == "model.bin":
            return entry | {"lfs": {"sha256": hashlib.sha256(content).hexdigest()}}
        return entry


class _Answers(BaseHTTPRequestHandler):
    hub: FakeHub

    def do_GET(self) -> None:
        path, wanted = urlsplit(self.path).path, self.headers.get("Range")
        self.hub.requests.append((path, wanted))
        if self.hub.refusals:
            self.send_error(self.hub.refusals.pop(0))
        elif path.startswith("/api/models/"):
            listing = self.hub.listing
            self._send(self.hub.listed() if listing is None else listing)
        elif self.hub.redirects and not path.startswith("/cdn/"):
            self.send_response(302)
            self.send_header("Location", f"{self.hub.url}/cdn{path}")
            self.end_headers()
        else:
            self._send_file(path.rpartition("/")[2], wanted)

    def _send_file(self, name: str, wanted: str | None) -> None:
        content, start = self.hub.files[name], 0
        if wanted and self.hub.knows_ranges:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        cut = self.hub.cuts.pop(0) if name == "model.bin" and self.hub.cuts else None
        self._send(content, start, cut)

    def _send(self, content: bytes, start: int = 0, cut: int | None = None) -> None:
        self.send_response(206 if start else 200)
        if start:
            last = len(content) - 1
            self.send_header("Content-Range", f"bytes {start}-{last}/{len(content)}")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        self.wfile.write(content[start : None if cut is None else start + cut])

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def serving(hub: FakeHub) -> Iterator[FakeHub]:
    answers = type("Answers", (_Answers,), {"hub": hub})
    server = ThreadingHTTPServer(("127.0.0.1", 0), answers)
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = Thread(target=lambda: server.serve_forever(poll_interval=0.01))
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
