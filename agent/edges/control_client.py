"""Talks to the agent that runs on a spool, for the verbs."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from agent.edges.control_place import (
    FOLDER,
    NAME,
    ControlRefusedError,
    NoAgentError,
    NotOursError,
    short_name,
)
from agent.edges.control_words import NonsenseError, read_answer, written
from agent.model.control import Answer, AskWatch, Refused, Request

PATIENCE = 15.0
"""Seconds; an agent that is well answers in a few thousandths of one."""
QUEUE_PAUSE = 0.02
MOST_ANSWER = 8 * 1024 * 1024


def asked(spool: Path, request: Request) -> Answer:
    """The agent's answer. Raises `NoAgentError`, `NotOursError` and `ControlRefusedError`."""
    with _conversation(spool, request) as answers:
        return _next_answer(answers, spool)


def watched(spool: Path, every: float) -> Iterator[Answer]:
    """One answer every so often. Raises likewise; `NoAgentError` when the agent ends."""
    with _conversation(spool, AskWatch(every=every)) as answers:
        while True:
            yield _next_answer(answers, spool)


@contextmanager
def _conversation(spool: Path, request: Request) -> Iterator[BinaryIO]:
    path = spool / FOLDER / NAME
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            with short_name(path) as name:
                _connect(connection, name)
            # Whoever refuses us may do so before it has heard us out.
            with suppress(BrokenPipeError, ConnectionResetError):
                connection.sendall(written(request))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
            raise _absent(spool) from error
        except PermissionError as error:
            raise NotOursError(
                f"the agent on the spool {spool} is another user's: ask as that user, or as root"
            ) from error
        except (TimeoutError, OSError) as error:
            raise NoAgentError(
                f"the agent on the spool {spool} does not answer: {error}"
            ) from error
        with connection.makefile("rb") as answers:
            yield answers


def _connect(connection: socket.socket, name: str) -> None:
    # With a time limit of its own, `connect` fails at once where others stand in the queue.
    deadline = time.monotonic() + PATIENCE
    connection.settimeout(PATIENCE)
    while True:
        try:
            connection.connect(name)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(QUEUE_PAUSE)
        else:
            return


def _next_answer(answers: BinaryIO, spool: Path) -> Answer:
    try:
        line = answers.readline(MOST_ANSWER)
    except TimeoutError as error:
        raise NoAgentError(
            f"the agent on the spool {spool} has not answered for {PATIENCE:g} s"
        ) from error
    except OSError as error:
        raise _ended(spool) from error
    if not line.endswith(b"\n"):
        raise _ended(spool)
    try:
        answer = read_answer(line)
    except NonsenseError as error:
        raise ControlRefusedError(f"{error}") from error
    if isinstance(answer, Refused):
        raise ControlRefusedError(f"the agent refuses: {answer.reason}")
    return answer


def _absent(spool: Path) -> NoAgentError:
    hint = "start one with `python -m agent run`, or name its spool with --spool"
    unreadable = spool.exists() and not os.access(spool, os.X_OK)
    if unreadable:
        hint = "this user may not look into it"
    return NoAgentError(f"no agent runs on the spool {spool}: {hint}")


def _ended(spool: Path) -> NoAgentError:
    return NoAgentError(f"the agent on the spool {spool} has ended")
