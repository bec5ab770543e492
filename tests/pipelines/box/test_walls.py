"""The walls as values: what the kernel is told, on each architecture and for each Landlock."""

import errno
import os
import re
import signal
import socket
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from agent.pipelines.box import bpf
from agent.pipelines.box.landlock import Access, ruleset_for
from agent.pipelines.box.places import rules_for
from agent.pipelines.box.seccomp import program_for
from agent.pipelines.box.system_calls import (
    ARCHITECTURES,
    FORBIDDEN,
    JUDGED,
    NEWEST,
    PRETENDED,
    Architecture,
    Numbers,
)

US, ANOTHER = 4711, 4712
ALLOW = bpf.ALLOW
THREAD = 0x3D0F00
"""The flags with which glibc makes one."""
HEADERS = {
    "x86_64": Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h"),
    "aarch64": Path("/usr/include/asm-generic/unistd.h"),
}
architectures = pytest.mark.parametrize("arch", ARCHITECTURES.values(), ids=lambda arch: arch.name)


def judge(
    arch: Architecture,
    number: int,
    arguments: Sequence[int] = (),
    audit: int | None = None,
    *,
    gpu: bool = False,
) -> int:
    """What the kernel would answer: the program is run as it would run it."""
    program = program_for(arch, US, gpu=gpu)
    padded = [*arguments, *[0] * (6 - len(arguments))]
    facts = struct.pack("=IIQ6Q", number, audit or arch.audit, 0, *[n % 2**64 for n in padded])
    held, place = 0, 0
    for _ in program:
        code, operand, if_true, if_false = program[place]
        place += 1
        match code:
            case bpf.LOAD:
                (held,) = struct.unpack_from("=I", facts, operand)
            case bpf.AND:
                held &= operand
            case bpf.IF_EQUAL:
                place += if_true if held == operand else if_false
            case bpf.IF_AT_LEAST:
                place += if_true if held >= operand else if_false
            case _:
                assert code == bpf.ANSWER
                return operand
    raise AssertionError("it runs past its end")


def ask(arch: Architecture, name: str, *arguments: int, gpu: bool = False) -> int:
    number = arch.number({**FORBIDDEN, **PRETENDED, **JUDGED}[name])
    assert number is not None
    return judge(arch, number, arguments, gpu=gpu)


def refused(number: int = errno.EPERM) -> int:
    return bpf.ERRNO | number


@architectures
def test_every_forbidden_call_is_refused(arch: Architecture) -> None:
    numbers = [arch.number(call) for call in FORBIDDEN.values()]

    assert {judge(arch, number) for number in numbers if number is not None} == {refused()}


@architectures
def test_modes_owners_and_times_are_only_pretended(arch: Architecture) -> None:
    numbers = [arch.number(call) for call in PRETENDED.values()]

    assert {judge(arch, number) for number in numbers if number is not None} == {refused(0)}


@architectures
def test_no_number_has_two_meanings(arch: Architecture) -> None:
    calls = [*FORBIDDEN.values(), *PRETENDED.values(), *JUDGED.values()]
    numbers = [number for call in calls if (number := arch.number(call)) is not None]

    assert len(set(numbers)) == len(numbers)
    assert max(numbers) <= NEWEST


@architectures
def test_another_architecture_is_the_end(arch: Architecture) -> None:
    for audit in (0x40000003, 0x40000028, 0):
        assert judge(arch, 1, audit=audit or 1) == bpf.KILL_PROCESS


@architectures
def test_calls_that_came_later_do_not_exist(arch: Architecture) -> None:
    for number in (NEWEST + 1, 0x40000000 + 41, 0xFFFFFFFF):
        assert judge(arch, number) == refused(errno.ENOSYS)
    assert judge(arch, NEWEST) == ALLOW


@architectures
def test_threads_may_be_started_but_no_processes(arch: Architecture) -> None:
    assert ask(arch, "clone", THREAD) == ALLOW
    assert ask(arch, "clone", signal.SIGCHLD) == refused()
    assert ask(arch, "clone", 0x10000000 | signal.SIGCHLD) == refused()
    assert ask(arch, "clone3") == refused(errno.ENOSYS)


@architectures
def test_signals_reach_oneself_only_and_never_kill_outright(arch: Architecture) -> None:
    assert ask(arch, "kill", US, signal.SIGTERM) == ALLOW
    assert ask(arch, "tgkill", US, US + 1, signal.SIGABRT) == ALLOW
    for whom in (ANOTHER, 0, -1, -US):
        assert ask(arch, "kill", whom, signal.SIGTERM) == refused()
    assert ask(arch, "tgkill", ANOTHER, ANOTHER, signal.SIGTERM) == refused()
    assert ask(arch, "kill", US, signal.SIGKILL) == refused()
    assert ask(arch, "tgkill", US, US, signal.SIGKILL) == refused()


@architectures
def test_a_pair_of_local_streams_is_the_only_socket(arch: Architecture) -> None:
    stream, datagram = int(socket.SOCK_STREAM), int(socket.SOCK_DGRAM)

    assert ask(arch, "socketpair", socket.AF_UNIX, stream | socket.SOCK_CLOEXEC) == ALLOW
    assert ask(arch, "socketpair", socket.AF_UNIX, datagram) == refused(errno.EACCES)
    assert ask(arch, "socketpair", socket.AF_INET, stream) == refused(errno.EACCES)
    assert ask(arch, "socket", socket.AF_UNIX, stream) == refused()


@architectures
def test_limits_and_processors_are_ones_own(arch: Architecture) -> None:
    for name in ("prlimit64", "sched_setaffinity"):
        assert ask(arch, name, 0) == ask(arch, name, US) == ALLOW
        assert ask(arch, name, ANOTHER) == refused()


@architectures
def test_opening_to_read_does_not_cut_off(arch: Architecture) -> None:
    for flags in (os.O_RDONLY, os.O_RDWR, os.O_WRONLY | os.O_TRUNC, os.O_RDWR | os.O_TRUNC):
        assert ask(arch, "openat", -100, 0, flags | os.O_CLOEXEC) == ALLOW
    assert ask(arch, "openat", -100, 0, os.O_RDONLY | os.O_TRUNC | os.O_CLOEXEC) == refused()


@architectures
def test_a_thread_may_be_named_but_its_end_with_the_parent_stands(arch: Architecture) -> None:
    assert ask(arch, "prctl", 15) == ALLOW
    assert ask(arch, "prctl", 1) == ask(arch, "prctl", 4) == refused()


@architectures
def test_nobody_types_into_the_terminal(arch: Architecture) -> None:
    assert ask(arch, "ioctl", 0, 0x5412) == ask(arch, "ioctl", 0, 0x541C) == refused()
    assert ask(arch, "ioctl", 0, 0x5401) == ALLOW


@architectures
def test_cuda_may_listen_at_a_local_socket_and_reach_nobody_by_one(arch: Architecture) -> None:
    local, internet, netlink = socket.AF_UNIX, socket.AF_INET, socket.AF_NETLINK
    stream, packets = socket.SOCK_STREAM, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC

    assert ask(arch, "socket", local, stream, gpu=True) == ALLOW
    assert ask(arch, "socket", local, packets, gpu=True) == ALLOW
    assert ask(arch, "bind", 3, gpu=True) == ask(arch, "listen", 3, gpu=True) == ALLOW
    assert ask(arch, "socket", local, socket.SOCK_DGRAM, gpu=True) == refused(errno.EACCES)
    for family in (internet, netlink):
        assert ask(arch, "socket", family, stream, gpu=True) == refused(errno.EACCES)
    for name in ("connect", "accept", "accept4", "execve", "setuid"):
        assert ask(arch, name, 3, gpu=True) == refused()
    for name in ("socket", "bind", "listen"):
        assert ask(arch, name, local, stream) == refused()


@architectures
def test_a_program_fits_into_the_kernel(arch: Architecture) -> None:
    program = program_for(arch, US)

    assert len(program) < 4096
    assert max(max(step.if_true, step.if_false) for step in program) < 256
    assert len(bpf.assembled(program)) == 8 * len(program)


@architectures
def test_numbers_are_those_of_the_kernels_headers(arch: Architecture) -> None:
    header = HEADERS[arch.name]
    if not header.exists():
        pytest.skip(f"no {header} here")
    told = numbers_in(header)

    calls: Mapping[str, Numbers] = {**FORBIDDEN, **PRETENDED, **JUDGED}
    wrong = {
        name: (arch.number(call), told[name])
        for name, call in calls.items()
        if name in told and arch.number(call) != told[name]
    }
    assert wrong == {}
    assert len(told.keys() & calls.keys()) > 90


def numbers_in(header: Path) -> dict[str, int]:
    pattern = re.compile(r"#define __NR(?:3264)?_(\w+)\s+(\d+)")
    return {name: int(number) for name, number in pattern.findall(header.read_text())}


@pytest.mark.parametrize(
    ("abi", "size", "denies"),
    [
        (1, 8, Access.MAKE_SYM),
        (2, 8, Access.REFER),
        (3, 8, Access.TRUNCATE),
        (4, 16, Access.TRUNCATE),
        (5, 16, Access.IOCTL_DEV),
        (6, 24, Access.IOCTL_DEV),
        (99, 24, Access.IOCTL_DEV),
    ],
)
def test_a_kernel_is_asked_for_what_it_knows(abi: int, size: int, denies: Access) -> None:
    ruleset = ruleset_for(abi)

    assert len(ruleset) == size
    (handled,) = struct.unpack_from("=Q", ruleset)
    assert handled == 2 * denies - 1


def test_only_scratch_and_devices_can_be_written(file: Path, scratch: Path) -> None:
    change = Access.WRITE | Access.MAKE_SYM | Access.EXECUTE

    writable = {rule.path for rule in rules_for(file, scratch) if rule.access & change}

    assert writable == {scratch, Path("/dev/null")}


def test_the_folder_that_holds_the_package_is_closed(file: Path, scratch: Path) -> None:
    """It may be somebody's home."""
    paths = {rule.path for rule in rules_for(file, scratch)}

    assert not paths & {
        Path.cwd(),
        Path.home(),
        Path("/"),
        Path("/etc"),
        Path("/proc"),
        file.parent,
    }


def test_a_gpu_adds_its_devices_and_the_process_itself(file: Path, scratch: Path) -> None:
    plain = set(rules_for(file, scratch))
    added = {str(rule.path) for rule in set(rules_for(file, scratch, gpu=True)) - plain}

    assert {"/proc/self", "/proc/driver"} <= added
    assert all(path.startswith(("/dev/nvidia", "/proc", "/sys")) for path in added)
