"""Has torch and CTranslate2 find each GPU, take memory there and multiply two matrices.

`python -m agent.pipelines.trials.arithmetic`. What a GPU makes of it is compared with what the
processor makes of it: a broken card or a wrong build may well compute nonsense in silence.
"""

import ctypes
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from timeit import default_timer as stopwatch
from typing import Any, Protocol

from agent.pipelines.trials.telling import reason_of, tell

SIDE = 1024
TAKEN = 256 * 2**20
"""Bytes: more than what a library keeps in stock, less than what any job takes."""
_MARK = 7
_NEAR = 1e-2
"""Of products of up to 1024 terms near 1: some cards round to 10 bits on the way."""
_CUBLAS = "libcublas.so.12"


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    name: str
    capability: tuple[int, int]
    took: float = 0.0
    """Seconds, the start of CUDA included."""
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Torch:
    version: str = ""
    cuda: str | None = None
    """That it was built for; None for a build without."""
    kinds: tuple[str, ...] = ()
    """Of GPUs that it brings code for: sm_86, compute_90."""
    devices: tuple[Device, ...] = ()
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CTranslate2:
    version: str = ""
    devices: int = 0
    types: tuple[str, ...] = ()
    """That the first GPU computes with."""
    cublas: str = ""
    """Why cuBLAS for CUDA 12 cannot be loaded."""
    trouble: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arithmetic:
    torch: Torch | None
    """None: not installed."""
    ctranslate2: CTranslate2 | None


class TranslateLibrary(Protocol):
    """The part of `ctranslate2` that we use."""

    @property
    def __version__(self) -> str: ...
    def get_cuda_device_count(self) -> int: ...
    def get_supported_compute_types(self, _device: str, /) -> "set[str]": ...


def look() -> Arithmetic:
    return Arithmetic(torch=_torch(), ctranslate2=_ctranslate2())


def _torch() -> Torch | None:
    try:
        import torch
    except ImportError as error:
        return None if _is_absent(error, "torch") else Torch(trouble=reason_of(error))
    except OSError as error:  # one of its libraries is not there or does not fit
        return Torch(trouble=reason_of(error))
    return torch_on_gpus(torch)


def torch_on_gpus(torch: Any) -> Torch:  # noqa: ANN401 - a module without types
    build = {"version": str(torch.__version__), "cuda": torch.version.cuda}
    try:
        count = int(torch.cuda.device_count()) if torch.version.cuda else 0
        kinds = tuple(torch.cuda.get_arch_list()) if count else ()
        devices = tuple(_device(torch, number) for number in range(count))
    except RuntimeError as error:
        return Torch(**build, trouble=reason_of(error))
    return Torch(**build, kinds=kinds, devices=devices)


def _device(torch: Any, number: int) -> Device:  # noqa: ANN401
    major, minor = torch.cuda.get_device_capability(number)
    name = str(torch.cuda.get_device_name(number))
    begun = stopwatch()
    try:
        trouble = _wrong_with(torch, f"cuda:{number}")
    except RuntimeError as error:  # torch's own kinds of errors are all of this kind
        trouble = reason_of(error)
    took = stopwatch() - begun
    return Device(name=name, capability=(int(major), int(minor)), took=took, trouble=trouble)


def _wrong_with(torch: Any, device: str) -> str:  # noqa: ANN401
    taken = torch.full((TAKEN,), _MARK, dtype=torch.uint8, device=device)
    if int(taken[::4096].to(torch.int64).sum()) != _MARK * (TAKEN // 4096):
        return "its memory does not keep what is written into it"
    random = torch.Generator().manual_seed(1)
    left, right = (torch.rand((SIDE, SIDE), generator=random) for _ in range(2))
    product = (left.to(device) @ right.to(device)).cpu()
    if not torch.allclose(product, left @ right, rtol=_NEAR):
        return "its product of two matrices is not the processor's"
    return ""


def _ctranslate2() -> CTranslate2 | None:
    try:
        from agent.pipelines.audio.engines.cublas import preload

        preload()
        import ctranslate2  # type: ignore[import-untyped]
    except ImportError as error:
        return None if _is_absent(error, "ctranslate2") else CTranslate2(trouble=reason_of(error))
    except OSError as error:
        return CTranslate2(trouble=reason_of(error))
    return translation_on_gpus(ctranslate2, ctypes.CDLL)


def translation_on_gpus(library: TranslateLibrary, load: Callable[[str], object]) -> CTranslate2:
    version = str(library.__version__)
    try:
        count = library.get_cuda_device_count()
        types: Sequence[str] = ()
        if count:
            types = sorted(library.get_supported_compute_types("cuda"))
    except (RuntimeError, ValueError) as error:
        return CTranslate2(version=version, trouble=reason_of(error))
    return CTranslate2(version=version, devices=count, types=tuple(types), cublas=_unloadable(load))


def _unloadable(load: Callable[[str], object]) -> str:
    try:
        load(_CUBLAS)
    except OSError as error:
        return reason_of(error)
    return ""


def _is_absent(error: ImportError, name: str) -> bool:
    return isinstance(error, ModuleNotFoundError) and error.name == name


if __name__ == "__main__":
    tell(look)
