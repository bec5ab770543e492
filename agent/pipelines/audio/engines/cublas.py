"""CTranslate2 looks for CUDA 12's cuBLAS by name; a pip package keeps it where nobody looks."""

import ctypes
from contextlib import suppress
from pathlib import Path

from agent.pipelines.models.search import package_folder

REMEDY = "run `pip install nvidia-cublas-cu12`"
_LIBRARIES = ("libcublasLt.so.12", "libcublas.so.12")


def preload() -> None:
    try:
        package = package_folder("nvidia.cublas")
    except ModuleNotFoundError:
        return
    for library in _LIBRARIES:
        with suppress(OSError):
            ctypes.CDLL(str((package or Path()) / "lib" / library), mode=ctypes.RTLD_GLOBAL)


def lacks_cublas(error: Exception) -> bool:
    """By CTranslate2's own words, which come with the first product of two matrices."""
    return "libcublas.so" in str(error) and "not found" in str(error)
