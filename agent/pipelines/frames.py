"""What the agent sends to a child: a line at a time, with a limit on the wait for the next."""

import select
import socket

from agent.model.ids import Seconds
from agent.model.work import MAX_FRAME, BadFrameError, FromChild, ToChild, decode

_AT_ONCE = 64 * 1024


class Frames:
    """The lines of a socket. Nobody else may read from it."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._unread = bytearray()
        self._put_back: ToChild | FromChild | None = None

    def is_due(self, within: Seconds) -> bool:
        """Waits that long at most for a frame, or for the other end to close."""
        if self._put_back is not None or b"\n" in self._unread:
            return True
        readable, _, _ = select.select([self._connection], [], [], within)
        return bool(readable)

    def take(self) -> ToChild | FromChild | None:
        """Waits for the next frame; None once the other end has closed. Raises `BadFrameError`."""
        if (frame := self._put_back) is not None:
            self._put_back = None
            return frame
        while b"\n" not in self._unread:
            if len(self._unread) > MAX_FRAME:
                raise BadFrameError(f"a line has more than {MAX_FRAME} bytes")
            if not (chunk := self._connection.recv(_AT_ONCE)):
                if self._unread:
                    raise BadFrameError("the other end closed within a line")
                return None
            self._unread += chunk
        line, _, rest = bytes(self._unread).partition(b"\n")
        self._unread = bytearray(rest)
        return decode(line)

    def put_back(self, frame: ToChild | FromChild) -> None:
        """It comes first next time."""
        self._put_back = frame
