"""Seccomp: from here on the kernel answers this process's forbidden calls with an error.

It is the second wall, and the only one against what Landlock does not cover: all networking but
TCP, new processes, other processes' limits, the rarely used parts of the kernel.
"""

import ctypes
import os
import signal
import struct
from collections.abc import Iterator, Mapping
from errno import EACCES, ENOSYS

from agent.pipelines.box.bpf import (
    ALLOW,
    AND,
    ARCHITECTURE,
    IF_AT_LEAST,
    IF_EQUAL,
    KILL_PROCESS,
    LOAD,
    NUMBER,
    Instruction,
    Program,
    allow_if_one_of,
    answer,
    argument,
    assembled,
    refuse,
    refuse_if_masked,
    refuse_if_one_of,
    when,
)
from agent.pipelines.box.kernel import system_call
from agent.pipelines.box.system_calls import (
    FORBIDDEN,
    JUDGED,
    NEWEST,
    PRETENDED,
    SECCOMP,
    Architecture,
    this_architecture,
)

_SUCCESS = 0
_SET_FILTER, _ASK_ACTION = 1, 2
_ALL_THREADS = 1

_AF_UNIX, _STREAM, _PACKETS = 1, 1, 5
_SOCKET_TYPE = 0xF
_CLONE_THREAD = 0x10000
_ACCESS_MODE_AND_TRUNCATE = os.O_ACCMODE | os.O_TRUNC
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE = 1, 4
_TIOCSTI, _TIOCLINUX = 0x5412, 0x541C
"""Typing into the terminal in the name of whoever sits there."""
_OF_CUDA = frozenset({"socket", "bind", "listen"})
"""CUDA does not start (error 304) without a local socket that it listens at."""


def seccomp_is_possible() -> bool:
    architecture = this_architecture()
    if architecture is None:
        return False
    action = ctypes.c_uint32(KILL_PROCESS)
    try:
        _seccomp(architecture, _ASK_ACTION, 0, ctypes.byref(action))
    except OSError:
        return False
    return True


def restrict_calls(*, gpu: bool = False) -> None:
    """For all threads, and for good. Raises `OSError`, also where the architecture is unknown."""
    architecture = this_architecture()
    if architecture is None:
        raise OSError(ENOSYS, os.strerror(ENOSYS))
    program = program_for(architecture, os.getpid(), gpu=gpu)
    instructions = ctypes.create_string_buffer(assembled(program))
    # `struct sock_fprog`
    held = struct.pack("@HP", len(program), ctypes.addressof(instructions))
    _seccomp(architecture, _SET_FILTER, _ALL_THREADS, held)


def program_for(architecture: Architecture, ourselves: int, *, gpu: bool = False) -> Program:
    """`ourselves` is the process whom signals and limits may be for.

    With `gpu` it may make a local socket and listen there, but neither accept nor connect: nobody
    is reached by that. One of datagrams it may not make, for that could send to any other.
    """
    return tuple(_instructions(architecture, ourselves, _OF_CUDA if gpu else frozenset()))


def _instructions(
    architecture: Architecture, ourselves: int, loosened: frozenset[str]
) -> Iterator[Instruction]:
    yield Instruction(LOAD, ARCHITECTURE)
    # Another architecture has other numbers for the same calls: 32-bit ones, most of all.
    yield Instruction(IF_EQUAL, architecture.audit, 1, 0)
    yield from answer(KILL_PROCESS)
    yield Instruction(LOAD, NUMBER)
    yield Instruction(IF_AT_LEAST, NEWEST + 1, 0, 1)
    yield from refuse(ENOSYS)
    for name, judgement in _judgements(ourselves).items():
        if (number := architecture.number(JUDGED[name])) is not None:
            yield from when(number, judgement)
    if "socket" in loosened and (number := architecture.number(FORBIDDEN["socket"])) is not None:
        yield from when(number, _local(_STREAM, _PACKETS))
    for calls, body in ((PRETENDED, refuse(_SUCCESS)), (FORBIDDEN, refuse())):
        for name, numbers in calls.items():
            if name not in loosened and (number := architecture.number(numbers)) is not None:
                yield from when(number, body)
    yield from answer(ALLOW)


def _judgements(ourselves: int) -> Mapping[str, Program]:
    """For each of `JUDGED`. What the newest calls are asked lies in memory: all fall back."""
    mode, cut_off = _ACCESS_MODE_AND_TRUNCATE, os.O_RDONLY | os.O_TRUNC
    only_ourselves = allow_if_one_of(0, (0, ourselves))
    return {
        "clone": refuse_if_masked(0, _CLONE_THREAD, 0),
        "clone3": refuse(ENOSYS),
        "open": refuse_if_masked(1, mode, cut_off),
        "openat": refuse_if_masked(2, mode, cut_off),
        "openat2": refuse(ENOSYS),
        "socketpair": _local(_STREAM),
        "kill": _signal_to(ourselves, 1),
        "tgkill": _signal_to(ourselves, 2),
        "prlimit64": only_ourselves,
        "sched_setaffinity": only_ourselves,
        "prctl": refuse_if_one_of(0, (_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE)),
        "ioctl": refuse_if_one_of(1, (_TIOCSTI, _TIOCLINUX)),
    }


def _signal_to(ourselves: int, signal_index: int) -> Program:
    """To oneself only. And not SIGKILL: it would look as if somebody else had sent it."""
    mercy = (argument(signal_index), *when(signal.SIGKILL, refuse()), *answer(ALLOW))
    return (argument(0), *when(ourselves, mercy), *refuse())


def _local(*kinds: int) -> Program:
    """A datagram socket could send to any other by its path."""
    one_of_them = (instruction for kind in kinds for instruction in when(kind, answer(ALLOW)))
    judged = (argument(1), Instruction(AND, _SOCKET_TYPE), *one_of_them, *refuse(EACCES))
    return (argument(0), *when(_AF_UNIX, judged), *refuse(EACCES))


def _seccomp(architecture: Architecture, operation: int, flags: int, argument: object) -> None:
    number = architecture.number(SECCOMP)
    assert number is not None  # noqa: S101 - both have it
    result = system_call(number, ctypes.c_uint(operation), ctypes.c_uint(flags), argument)
    if result:
        # A thread that could not be brought along.
        raise OSError(f"thread {result} stays outside of seccomp")
