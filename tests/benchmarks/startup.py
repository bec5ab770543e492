"""From `exec` to the first poll on the wire, against a server that answers at once."""

import json
import os
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

from tests.benchmarks.report import Figure, median

RUNS = 9
BAR_S = 0.5


def measure(folder: Path) -> list[Figure]:
    times = [_one(folder / str(run)) for run in range(RUNS)]
    bare = [_bare() for _ in range(RUNS)]
    return [
        Figure("exec to first poll (median)", median(times), BAR_S, "s", "bar"),
        Figure("… beside importing the base packages", median(times), median(bare), "s", "rival"),
    ]


def _one(folder: Path) -> float:
    folder.mkdir()
    token = folder / "token"
    token.write_text("bench\n")
    token.chmod(0o600)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        polled: list[float] = []
        served = threading.Thread(target=_serve, args=(listener, polled))
        served.start()
        started = time.monotonic()
        agent = subprocess.Popen(
            [
                *(sys.executable, "-m", "agent", "run", "--content-types", "text"),
                *("--server-url", f"http://127.0.0.1:{listener.getsockname()[1]}"),
                *("--token-file", str(token), "--spool", str(folder / "spool")),
            ],
            env={"PATH": os.environ["PATH"], "HOME": str(folder)},
            stderr=subprocess.DEVNULL,
        )
        served.join(30)
        agent.kill()
        agent.wait()
    return polled[0] - started


def _serve(listener: socket.socket, polled: list[float]) -> None:
    """Answer one hello; note when the first bytes of a poll come."""
    welcome = json.dumps({"poll_wait_s": 25, "renew_every_s": 30, "lease_ttl_s": 90}).encode()
    connection, _ = listener.accept()
    with connection:
        received = b""
        while True:
            received += connection.recv(65536)
            if b"/poll " in received:
                polled.append(time.monotonic())
                return
            head, separator, body = received.partition(b"\r\n\r\n")
            if separator and len(body) >= _length(head):
                connection.sendall(
                    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n%s" % (len(welcome), welcome)
                )
                received = b""


def _length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.split(b":")[1])
    return 0


def _bare() -> float:
    started = time.monotonic()
    words = "import httpx, pydantic, tenacity, structlog, psutil, pynvml"
    subprocess.run([sys.executable, "-W", "ignore", "-c", words], check=True)
    return time.monotonic() - started
