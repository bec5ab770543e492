"""What a library that a file has taken over might try. Each act returns only if it could be done.

None does harm where it succeeds: signals are number 0, limits are set to what they are.
"""

import ctypes
import os
import resource
import shutil
import signal
import socket
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias
from uuid import uuid4

from agent.pipelines.box.system_calls import FORBIDDEN, JUDGED, this_architecture

_CLONE_NEWUSER = 0x10000000
_PTRACE_SEIZE = 0x4206
_FUTURE, _X32 = 600, 0x40000000
_PRIVATE_KEYRING, _JOIN_SESSION_KEYRING = None, 1
_REMOVE = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    file: Path
    scratch: Path
    secret: Path
    """Beside the file, with the same owner."""
    port: int
    """Where somebody listens by TCP, on loopback."""
    local: str
    """Where somebody listens on a local socket."""
    abstract: str
    """Where somebody listens on an abstract local socket."""


Act: TypeAlias = Callable[[Surroundings], object]


def call(name: str, *arguments: object) -> int:
    architecture = this_architecture()
    assert architecture is not None
    number = architecture.number({**FORBIDDEN, **JUDGED}[name])
    assert number is not None
    return raw(number, *arguments)


def raw(number: int, *arguments: object) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    result = int(libc.syscall(ctypes.c_long(number), *map(_wide, arguments)))
    if result < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return result


def _wide(value: object) -> object:
    return ctypes.c_long(value) if isinstance(value, int) else value


def _connect(family: int, kind: int, address: object) -> None:
    with socket.socket(family, kind) as connection:
        connection.settimeout(5)
        connection.connect(address)  # type: ignore[arg-type]


def _send_datagram(around: Surroundings) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as connection:
        connection.sendto(b"secret", ("127.0.0.1", around.port))


def _listen(_: Surroundings) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()


def _datagram_pair(_: Surroundings) -> None:
    for end in socket.socketpair(type=socket.SOCK_DGRAM):
        end.close()


def _fork(_: Surroundings) -> None:
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def _clone(flags: int) -> None:
    child = call("clone", flags | signal.SIGCHLD, 0, 0, 0, 0)
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def _read_memory(process: int) -> None:
    local = ctypes.create_string_buffer(8)
    into = struct.pack("@PN", ctypes.addressof(local), 8)
    call("process_vm_readv", process, into, 1, struct.pack("@PN", 0x400000, 8), 1, 0)


def _raise_limit(kind: int) -> None:
    soft, hard = resource.getrlimit(kind)
    resource.setrlimit(kind, (soft, hard + 1))


def _raw_truncate(around: Surroundings) -> None:
    os.close(os.open(around.file, os.O_RDONLY | os.O_TRUNC))


def _make_folder(*place: str) -> None:
    folder = Path("/", *place, uuid4().hex)
    folder.mkdir()
    folder.rmdir()


def _list_parent(what: str) -> None:
    list(Path(f"/proc/{os.getppid()}", what).iterdir())


def _move_out(around: Surroundings) -> None:
    inside = around.scratch / "inside"
    inside.write_text("x")
    inside.rename(around.file.parent / "outside")


def _run_own(around: Surroundings) -> None:
    program = around.scratch / "program"
    descriptor = os.open(program, os.O_CREAT | os.O_WRONLY, 0o700)
    with os.fdopen(descriptor, "wb") as target, Path("/usr/bin/true").open("rb") as source:
        shutil.copyfileobj(source, target)
    os.execv(program, ["program"])  # noqa: S606 - it would replace us, and then say nothing


READING: Mapping[str, Act] = {
    "read a file beside its own": lambda around: around.secret.read_bytes(),
    "list the folder of its file": lambda around: list(around.file.parent.iterdir()),
    "read the users": lambda _: Path("/etc/passwd").read_bytes(),
    "list the root": lambda _: list(Path("/").iterdir()),
    "read the parent's environment": lambda _: Path(f"/proc/{os.getppid()}/environ").read_bytes(),
    "read its own environment": lambda _: Path("/proc/self/environ").read_bytes(),
    "list the processes": lambda _: list(Path("/proc").iterdir()),
    "read through a descriptor of the parent": lambda _: _list_parent("fd"),
}
WRITING: Mapping[str, Act] = {
    "write beside its file": lambda around: (around.file.parent / "new").write_text("x"),
    "write into the file": lambda around: around.file.open("ab").close(),
    "remove the file": lambda around: around.file.unlink(),
    "move the file": lambda around: around.file.rename(around.scratch / "moved"),
    "move a file out": _move_out,
    "write into /tmp": lambda _: _make_folder("tmp"),
    "write into shared memory": lambda _: _make_folder("dev", "shm"),
    "choose who is killed for memory": lambda _: Path("/proc/self/oom_score_adj").write_text("0"),
}
LINKS: Mapping[str, Act] = {
    "link to a file elsewhere": lambda around: (around.scratch / "l").symlink_to("/etc/passwd"),
    "link a file elsewhere firmly": lambda around: (around.scratch / "h").hardlink_to(
        around.secret
    ),
}
CUTTING: Mapping[str, Act] = {
    "cut off the file": lambda around: os.truncate(around.file, 10),
    "cut off the file while opening": _raw_truncate,
}
SPECIAL: Mapping[str, Act] = {
    "make a pipe with a name": lambda around: os.mkfifo(around.scratch / "fifo"),
    "make a device": lambda around: os.mknod(around.scratch / "null", 0o20600, os.makedev(1, 3)),
}
PRETENDED: Mapping[str, Act] = {
    "change another file's mode": lambda around: around.secret.chmod(0o777),
    "change another file's time": lambda around: os.utime(around.secret, (1, 1)),
}
"""They seem to succeed, but nothing is changed."""
MARKS: Mapping[str, Act] = {
    "mark another file": lambda around: os.setxattr(around.secret, "user.mark", b"x"),
    "watch another folder": lambda around: call(
        "inotify_add_watch", call("inotify_init1", 0), os.fsencode(around.file.parent), 2
    ),
}
TCP: Mapping[str, Act] = {
    "connect": lambda around: _connect(
        socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", around.port)
    ),
    "listen": _listen,
}
SOCKETS: Mapping[str, Act] = {
    "send a datagram": _send_datagram,
    "look up a name": lambda _: _connect(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", 53)),
    "use IPv6": lambda _: socket.socket(socket.AF_INET6).close(),
    "ask about the network": lambda _: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW).close(),
    "connect to a local socket": lambda around: _connect(
        socket.AF_UNIX, socket.SOCK_STREAM, around.local
    ),
    "send to any local socket": _datagram_pair,
}
ABSTRACT: Mapping[str, Act] = {
    "connect to an abstract socket": lambda around: _connect(
        socket.AF_UNIX, socket.SOCK_STREAM, around.abstract
    ),
}
PROGRAMS: Mapping[str, Act] = {
    "run another program": lambda _: os.posix_spawn("/bin/true", ["true"], {}),
    "run a program of its own": _run_own,
}
PROCESSES: Mapping[str, Act] = {
    "start a process": _fork,
    "start a process in other name spaces": lambda _: _clone(_CLONE_NEWUSER),
    "start a session": lambda _: call("setsid"),
    "leave its process group": lambda _: call("setpgid", 0, 0),
    "enter other name spaces": lambda _: call("unshare", _CLONE_NEWUSER),
    "survive its parent": lambda _: call("prctl", 1, 0, 0, 0, 0),
    "show its memory to others": lambda _: call("prctl", 4, 1, 0, 0, 0),
}
SIGNALS: Mapping[str, Act] = {
    "signal the parent": lambda _: os.kill(os.getppid(), 0),
}
OTHERS: Mapping[str, Act] = {
    "signal its whole group": lambda _: os.kill(0, 0),
    "signal a thread of the parent": lambda _: call("tkill", os.getppid(), 0),
    "limit the parent": lambda _: resource.prlimit(os.getppid(), resource.RLIMIT_CORE),
    "slow the parent down": lambda _: os.setpriority(os.PRIO_PROCESS, os.getppid(), 0),
    "hold on to the parent": lambda _: os.close(os.pidfd_open(os.getppid())),
}
TRACING: Mapping[str, Act] = {
    "trace the parent": lambda _: call("ptrace", _PTRACE_SEIZE, os.getppid(), 0, 0),
    "read the parent's memory": lambda _: _read_memory(os.getppid()),
}
KERNEL: Mapping[str, Act] = {
    "mount": lambda around: call("mount", b"x", os.fsencode(around.scratch), b"tmpfs", 0, None),
    "change the root": lambda around: os.chroot(around.scratch),
    "load a program into the kernel": lambda _: call("bpf", 0, bytes(128), 128),
    "set up an io_uring": lambda _: call("io_uring_setup", 1, bytes(120)),
    "handle page faults": lambda _: call("userfaultfd", 0),
    "open a keyring": lambda _: call("keyctl", _JOIN_SESSION_KEYRING, _PRIVATE_KEYRING),
    "count what the processor does": lambda _: call("perf_event_open", bytes(128), 0, -1, -1, 0),
    "share memory": lambda _: call("shmctl", call("shmget", 0, 4096, 0o1600), _REMOVE, None),
    "make a queue of messages": lambda _: call("msgctl", call("msgget", 0, 0o1600), _REMOVE, None),
    "open a file by its handle": lambda _: call("open_by_handle_at", 0, bytes(128), 0),
    "use a call from the future": lambda _: raw(_FUTURE),
    "use the calls of another size": lambda _: raw(_X32 | 39),
}
LIMITS: Mapping[str, Act] = {
    "raise its memory": lambda _: _raise_limit(resource.RLIMIT_AS),
    "raise its time": lambda _: _raise_limit(resource.RLIMIT_CPU),
    "raise the size of its files": lambda _: _raise_limit(resource.RLIMIT_FSIZE),
}
SUICIDE: Mapping[str, Act] = {
    "kill itself": lambda _: os.kill(os.getpid(), signal.SIGKILL),
}
"""Told by nobody where it succeeds."""
