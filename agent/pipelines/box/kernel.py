"""Calls of the Linux kernel for which Python has no function of its own."""

import ctypes
import os
from functools import cache

_PR_SET_DUMPABLE = 4
_PR_SET_NO_NEW_PRIVS = 38
_CAPABILITY_VERSION = 0x20080522
CAP_DAC_READ_SEARCH = 2
"""Root's right to read what belongs to others."""


def system_call(number: int, *arguments: object) -> int:
    """Raises `OSError`. Numbers go as ctypes values of their width, buffers as they are."""
    result: int = _libc().syscall(ctypes.c_long(number), *arguments)
    if result < 0:
        raise _last_error()
    return result


def forbid_new_privileges() -> None:
    """Programs with a set-user-id bit have none from here on; walls without it are for root."""
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def hide_from_others() -> None:
    """No core dump, and no other process of this user may look into this one's memory."""
    _prctl(_PR_SET_DUMPABLE, 0)


def give_up_capabilities(*, but: frozenset[int] = frozenset()) -> None:
    """Root is then a user like others: it cannot raise a limit that it has lowered."""
    kept = sum(1 << capability for capability in but)
    header = (ctypes.c_uint32 * 2)(_CAPABILITY_VERSION, 0)
    effective, permitted, inherited = _held_capabilities(header)
    low = (kept & effective, kept & permitted, kept & inherited)
    _check(_libc().capset(header, (ctypes.c_uint32 * 6)(*low, 0, 0, 0)))


def _held_capabilities(header: "ctypes.Array[ctypes.c_uint32]") -> tuple[int, int, int]:
    """Effective, permitted and inherited; of each the lower half, which has all that we keep."""
    held = (ctypes.c_uint32 * 6)()
    _check(_libc().capget(header, held))
    return held[0], held[1], held[2]


def _prctl(option: int, value: int) -> None:
    zero = ctypes.c_ulong(0)
    _check(_libc().prctl(option, ctypes.c_ulong(value), zero, zero, zero))


@cache
def _libc() -> ctypes.CDLL:
    libc = ctypes.CDLL(None, use_errno=True)
    libc.syscall.restype = ctypes.c_long
    return libc


def _check(result: int) -> None:
    if result != 0:
        raise _last_error()


def _last_error() -> OSError:
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))
