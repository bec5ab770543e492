"""torch and CTranslate2 are fakes where a GPU would be needed: none of this ran on one."""

import os
from types import SimpleNamespace
from typing import Any

import pytest
import torch as real_torch

from agent.edges.trials import Trial
from agent.pipelines.trials.arithmetic import (
    Arithmetic,
    CTranslate2,
    torch_on_gpus,
    translation_on_gpus,
)


class FakeTorch:
    """torch with a GPU whose arithmetic is the processor's, or as wrong as the test says."""

    def __init__(self, *, off_by: float = 0.0, forgets: bool = False, broken: str = "") -> None:
        self.__version__ = "2.8.0+cu128"
        self.version = SimpleNamespace(cuda="12.8")
        self.cuda = SimpleNamespace(
            device_count=lambda: 1,
            get_arch_list=lambda: ["sm_80", "compute_90"],
            get_device_capability=lambda _number: (8, 6),
            get_device_name=lambda _number: "RTX 3090",
        )
        self.uint8, self.int64 = real_torch.uint8, real_torch.int64
        self.Generator, self.rand = real_torch.Generator, real_torch.rand
        self._off_by, self._forgets, self._broken = off_by, forgets, broken
        self.devices: list[str] = []

    def full(self, shape: tuple[int], value: int, *, dtype: Any, device: str) -> Any:
        self.devices.append(device)
        if self._broken:
            raise RuntimeError(self._broken)
        return real_torch.full(shape, 0 if self._forgets else value, dtype=dtype)

    def allclose(self, product: Any, right: Any, *, rtol: float) -> bool:
        return bool(real_torch.allclose(product * (1 + self._off_by), right, rtol=rtol))

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(name)


@pytest.fixture(autouse=True)
def on_the_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is sent to the pretended GPU stays where it is."""
    plain = real_torch.Tensor.to

    def to(tensor: Any, place: Any) -> Any:
        return tensor if isinstance(place, str) else plain(tensor, place)

    monkeypatch.setattr(real_torch.Tensor, "to", to)


def test_a_gpu_that_computes_right_has_no_trouble() -> None:
    torch = FakeTorch()

    found = torch_on_gpus(torch)

    assert (found.version, found.cuda) == ("2.8.0+cu128", "12.8")
    assert found.kinds == ("sm_80", "compute_90")
    assert torch.devices == ["cuda:0"]
    (device,) = found.devices
    assert (device.name, device.capability, device.trouble) == ("RTX 3090", (8, 6), "")


@pytest.mark.parametrize(
    ("torch", "trouble"),
    [
        (FakeTorch(off_by=0.1), "its product of two matrices is not the processor's"),
        (FakeTorch(forgets=True), "its memory does not keep what is written into it"),
        (FakeTorch(broken="CUDA out of memory\nTried to allocate"), "CUDA out of memory"),
    ],
)
def test_a_gpu_that_does_not_is_found_out(torch: FakeTorch, trouble: str) -> None:
    (device,) = torch_on_gpus(torch).devices

    assert device.trouble == trouble


def test_a_build_for_the_processor_has_no_devices() -> None:
    found = torch_on_gpus(real_torch)

    assert found.cuda is None
    assert (found.devices, found.trouble) == ((), "")


def test_a_cuda_that_does_not_start_is_told() -> None:
    torch = FakeTorch()

    def fail() -> int:
        raise RuntimeError("the driver is too old (found version 11040)")

    torch.cuda.device_count = fail

    assert torch_on_gpus(torch).trouble == "the driver is too old (found version 11040)"


class FakeCTranslate2:
    __version__ = "4.8.5"

    def __init__(self, *, devices: int = 1, broken: str = "") -> None:
        self._devices, self._broken = devices, broken

    def get_cuda_device_count(self) -> int:
        if self._broken:
            raise RuntimeError(self._broken)
        return self._devices

    def get_supported_compute_types(self, device: str, /) -> set[str]:
        assert device == "cuda"
        return {"int8", "float16"}


def load(name: str) -> object:
    assert name == "libcublas.so.12"
    return object()


def no_load(name: str) -> object:
    raise OSError(f"{name}: cannot open shared object file")


def test_ctranslate2_tells_what_it_computes_in_and_whether_it_has_its_cublas() -> None:
    assert translation_on_gpus(FakeCTranslate2(), load) == CTranslate2(
        version="4.8.5", devices=1, types=("float16", "int8")
    )
    lacking = translation_on_gpus(FakeCTranslate2(), no_load)
    assert lacking.cublas == "libcublas.so.12: cannot open shared object file"
    assert translation_on_gpus(FakeCTranslate2(devices=0), load).types == ()


def test_ctranslate2_in_trouble_is_told() -> None:
    broken = FakeCTranslate2(broken="CUDA driver version is insufficient")

    assert translation_on_gpus(broken, load).trouble == "CUDA driver version is insufficient"


def test_on_a_box_without_a_gpu_both_libraries_are_found_and_see_none() -> None:
    found = Trial("agent.pipelines.trials.arithmetic", Arithmetic).run(dict(os.environ), 90.0)

    assert isinstance(found, Arithmetic)
    assert found.torch is not None
    assert found.ctranslate2 is not None
    assert found.torch.version == real_torch.__version__
    assert found.ctranslate2.version
