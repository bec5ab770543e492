"""A web server on loopback that answers what a test says, byte for byte."""

import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

Serve = Callable[[socket.socket], None]


@dataclass(slots=True)
class Server:
    port: int
    requests: list[str] = field(default_factory=list)
    """The heads of all that was asked."""

    def url(self, path: str = "/") -> str:
        return f"http://127.0.0.1:{self.port}{path}"


def answer(
    body: bytes = b"",
    status: str = "200 OK",
    media_type: str | None = "text/html",
    **fields: str,
) -> bytes:
    told = {"Content-Length": str(len(body)), **fields}
    if media_type:
        told["Content-Type"] = media_type
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in told.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def answers(by_path: Mapping[str, bytes]) -> Callable[[str], bytes]:
    return lambda path: by_path.get(path, answer(b"nothing", "404 Not Found"))


@contextmanager
def serving(reply: Callable[[str], bytes], after: Serve | None = None) -> Iterator[Server]:
    """`after` goes on with the connection once the reply is sent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(listener.getsockname()[1])
        thread = threading.Thread(target=_serve, args=(listener, server, reply, after))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


def _serve(
    listener: socket.socket, server: Server, reply: Callable[[str], bytes], after: Serve | None
) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        with connection:
            try:
                _answer(connection, server, reply, after)
            except OSError:
                continue  # the other side had enough


def _answer(
    connection: socket.socket, server: Server, reply: Callable[[str], bytes], after: Serve | None
) -> None:
    asked = b""
    while b"\r\n\r\n" not in asked:
        chunk = connection.recv(4096)
        if not chunk:
            return
        asked += chunk
    head = asked.decode()
    server.requests.append(head)
    connection.sendall(reply(head.split(" ")[1]))
    if after:
        after(connection)
