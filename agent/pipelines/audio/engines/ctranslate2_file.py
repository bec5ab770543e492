"""Reads the variables of a Whisper model in CTranslate2's binary format."""

import mmap
import struct
from pathlib import Path

import numpy as np
import numpy.typing as npt

Variables = dict[str, npt.NDArray[np.generic]]

_VERSION, _SPEC = 6, "WhisperSpec"
_DTYPES = (np.float32, np.int8, np.int16, np.int32, np.float16)
"""By the number that the format has for them."""


class NotAModelError(ValueError):
    """The file is none that this agent can read."""


class QuantizedModelError(NotAModelError):
    """Its weights were rounded to integers, which only CTranslate2 computes with."""


def read_variables(path: Path) -> Variables:
    """Every variable by name, as views of the mapped file. Aliases at its end are left out."""
    with path.open("rb") as file:
        reader = _Reader(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        variables = _read(reader)
    except (struct.error, ValueError, IndexError) as error:
        raise NotAModelError(f"{path} is no whole Whisper model of CTranslate2") from error
    for name, array in variables.items():
        if name.endswith("_scale") or (array.ndim and array.dtype.kind == "i"):
            raise QuantizedModelError(f"{path} is quantized; float16 or float32 is needed")
    return variables


def _read(reader: "_Reader") -> Variables:
    (version,) = reader.take("I")
    spec = reader.text()
    if (version, spec) != (_VERSION, _SPEC):
        raise NotAModelError(f"version {version}, spec {spec!r}")
    _revision, count = reader.take("II")
    return dict(reader.variable() for _ in range(count))


class _Reader:
    def __init__(self, content: mmap.mmap) -> None:
        self._content = content
        self._position = 0

    def take(self, layout: str) -> tuple[int, ...]:
        values = struct.unpack_from(f"<{layout}", self._content, self._position)
        self._position += struct.calcsize(f"<{layout}")
        return values

    def text(self) -> str:
        """A length, the characters, and a zero that the length counts."""
        (size,) = self.take("H")
        start, self._position = self._position, self._position + size
        return self._content[start : self._position - 1].decode()

    def variable(self) -> tuple[str, npt.NDArray[np.generic]]:
        name = self.text()
        (rank,) = self.take("B")
        shape = self.take(f"{rank}I")
        kind, size = self.take("BI")
        dtype = np.dtype(_DTYPES[kind])
        array = np.frombuffer(self._content, dtype, size // dtype.itemsize, self._position)
        self._position += size
        return name, array.reshape(shape)
