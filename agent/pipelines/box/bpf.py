"""The small language in which the kernel is told what to do with each system call.

A program is a list of instructions; a jump says how many to pass over. Bodies made here begin by
loading what they judge and end in an answer, so they can be put one behind the other.
"""

import struct
from collections.abc import Iterable, Sequence
from errno import EPERM
from typing import NamedTuple, TypeAlias

LOAD, AND = 0x20, 0x54
IF_EQUAL, IF_AT_LEAST = 0x15, 0x35
ANSWER = 0x06

ALLOW, ERRNO, KILL_PROCESS = 0x7FFF0000, 0x00050000, 0x80000000

NUMBER, ARCHITECTURE = 0, 4
"""Where they lie in what is judged, `struct seccomp_data`."""


class Instruction(NamedTuple):
    code: int
    operand: int
    if_true: int = 0
    if_false: int = 0


Program: TypeAlias = tuple[Instruction, ...]


def argument(index: int) -> Instruction:
    """Load the lower half, which is all that the kernel reads of a process id or of flags."""
    return Instruction(LOAD, 16 + 8 * index)


def answer(action: int) -> Program:
    return (Instruction(ANSWER, action),)


def refuse(errno: int = EPERM) -> Program:
    return answer(ERRNO | errno)


def when(number: int, body: Sequence[Instruction]) -> Program:
    """`body` for that system call; `body` ends in an answer."""
    return (Instruction(IF_EQUAL, number, 0, len(body)), *body)


def allow_if_one_of(index: int, values: Iterable[int], errno: int = EPERM) -> Program:
    """Allow the call where that argument has one of these values."""
    tests = [_equals(value) for value in values]
    return (argument(index), *_flat(tests), *refuse(errno))


def refuse_if_one_of(index: int, values: Iterable[int], errno: int = EPERM) -> Program:
    tests = [when(value, refuse(errno)) for value in values]
    return (argument(index), *_flat(tests), *answer(ALLOW))


def refuse_if_masked(index: int, mask: int, value: int, errno: int = EPERM) -> Program:
    """Refuse the call where these bits of that argument are so."""
    masked = Instruction(AND, mask)
    return (argument(index), masked, *when(value, refuse(errno)), *answer(ALLOW))


def assembled(program: Program) -> bytes:
    """`struct sock_filter[]`."""
    return b"".join(
        struct.pack("=HBBI", code, if_true, if_false, operand)
        for code, operand, if_true, if_false in program
    )


def _equals(value: int) -> Program:
    return when(value, answer(ALLOW))


def _flat(programs: Iterable[Program]) -> Program:
    return tuple(instruction for program in programs for instruction in program)
