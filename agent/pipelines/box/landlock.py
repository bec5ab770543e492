"""Landlock: from here on this process reaches only the files that it names, and nobody by network.

What a kernel offers depends on its ABI; what it does not know is left out, and seccomp is there.

    ABI   kernel   adds
      1     5.13   reading, writing, making and removing files
      2     5.19   moving them between folders (before, nobody may)
      3      6.2   truncating them
      4      6.7   TCP
      5     6.10   device controls
      6     6.12   abstract sockets of, and signals to, those outside
"""

import ctypes
import os
import stat
import struct
from collections.abc import Iterable
from enum import IntFlag
from pathlib import Path
from typing import NamedTuple

from agent.pipelines.box.kernel import system_call

_CREATE, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
"""The same on every architecture."""
_ASK_VERSION = 1
_PATH_BENEATH = 1
_NETWORK_ABI, _SCOPES_ABI = 4, 6
_TCP = 0b11
"""Binding and connecting."""
_SCOPES = 0b11
"""Abstract sockets and signals."""


class Access(IntFlag):
    EXECUTE = 1 << 0
    WRITE_FILE = 1 << 1
    READ_FILE = 1 << 2
    READ_DIR = 1 << 3
    REMOVE_DIR = 1 << 4
    REMOVE_FILE = 1 << 5
    MAKE_CHAR = 1 << 6
    MAKE_DIR = 1 << 7
    MAKE_REG = 1 << 8
    MAKE_SOCK = 1 << 9
    MAKE_FIFO = 1 << 10
    MAKE_BLOCK = 1 << 11
    MAKE_SYM = 1 << 12
    REFER = 1 << 13
    TRUNCATE = 1 << 14
    IOCTL_DEV = 1 << 15

    READ = READ_FILE | READ_DIR
    """Nothing is ever executed in a box, so reading includes no EXECUTE."""
    WRITE = WRITE_FILE | REMOVE_DIR | REMOVE_FILE | MAKE_DIR | MAKE_REG | REFER | TRUNCATE
    """Plain files and folders: no links that could lead astray whoever looks for a result."""
    OF_FILES = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
    """What can be allowed for a single file."""


_FIRST = Access(Access.REFER - 1)
_ADDED = ((2, Access.REFER), (3, Access.TRUNCATE), (5, Access.IOCTL_DEV))


class Rule(NamedTuple):
    path: Path
    """With everything below it; what does not exist is passed over."""
    access: Access


def landlock_abi() -> int:
    """0 where the kernel has no Landlock, or it is switched off."""
    try:
        return system_call(_CREATE, None, ctypes.c_size_t(0), ctypes.c_uint32(_ASK_VERSION))
    except OSError:
        return 0


def restrict_files(rules: Iterable[Rule]) -> None:
    """Close everything but `rules` to this thread and those that it starts. Raises `OSError`.

    There must be no other threads yet, and no privileges to be gained.
    """
    abi = landlock_abi()
    handled = _handled(abi)
    attributes = ruleset_for(abi)
    ruleset = system_call(_CREATE, attributes, ctypes.c_size_t(len(attributes)), ctypes.c_uint32(0))
    try:
        for rule in rules:
            _add(ruleset, rule, handled)
        system_call(_RESTRICT_SELF, ctypes.c_int(ruleset), ctypes.c_uint32(0))
    finally:
        os.close(ruleset)


def _handled(abi: int) -> Access:
    """All that this kernel can deny, and therefore does."""
    handled = _FIRST
    for since, access in _ADDED:
        if abi >= since:
            handled |= access
    return handled


def ruleset_for(abi: int) -> bytes:
    """`struct landlock_ruleset_attr`, as long as this kernel knows it."""
    fields = [int(_handled(abi))]
    if abi >= _NETWORK_ABI:
        fields.append(_TCP)
    if abi >= _SCOPES_ABI:
        fields.append(_SCOPES)
    return struct.pack(f"={len(fields)}Q", *fields)


def _add(ruleset: int, rule: Rule, handled: Access) -> None:
    try:
        beneath = os.open(rule.path, os.O_PATH | os.O_CLOEXEC)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return
    try:
        allowed = rule.access & handled
        if not stat.S_ISDIR(os.fstat(beneath).st_mode):
            allowed &= Access.OF_FILES
        attributes = struct.pack("=Qi", int(allowed), beneath)
        system_call(
            _ADD_RULE,
            ctypes.c_int(ruleset),
            ctypes.c_int(_PATH_BENEATH),
            attributes,
            ctypes.c_uint32(0),
        )
    finally:
        os.close(beneath)
