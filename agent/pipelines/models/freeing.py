"""Gives memory that nothing uses any more back to the system and to the GPU."""

import ctypes
import gc
import sys
from contextlib import suppress


def free_memory() -> None:
    """After models were let go of: Python, the C library and torch each keep what they have."""
    gc.collect()
    _empty_torch()
    # Only glibc has it; elsewhere freed memory goes back by itself, or never.
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).malloc_trim(0)


def _empty_torch() -> None:
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
