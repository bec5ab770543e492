"""What fits into a GPU. No GPU here: the driver and torch are fakes at the libraries' edge."""

import sys
from dataclasses import dataclass, field
from itertools import pairwise
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.model.ids import Bytes
from agent.model.work import PipelineSettings
from agent.pipelines.errors import GpuUnavailableError
from agent.pipelines.models.catalogue import weights_of
from agent.pipelines.models.memory import (
    Candidate,
    Driver,
    Plan,
    faster_whisper_need,
    limit_torch,
    openai_whisper_need,
    plan,
    room_for,
    windows_at_once,
)

GB = 10**9
TYPES = ("float16", "int8_float16", "int8_float32", "float32")
SIZES = ("large-v3-turbo", "large-v3", "medium", "small", "base", "tiny")


def candidate(name: str) -> Candidate:
    weights = weights_of(name)
    assert weights is not None
    return Candidate(name, weights)


ALL = [candidate(name) for name in SIZES]
rooms = st.integers(0, 100 * GB).map(Bytes)
weights = st.integers(10**6, 10 * GB).map(Bytes)


@given(rooms)
def test_what_is_planned_fits_and_nothing_better_would(room: Bytes) -> None:
    order = [(one, kind) for one in ALL for kind in TYPES]
    try:
        chosen = plan(ALL, TYPES, room, faster_whisper_need)
    except GpuUnavailableError:
        assert all(faster_whisper_need(one.weights, kind) > room for one, kind in order)
        return
    assert faster_whisper_need(chosen.candidate.weights, chosen.compute_type) <= room
    better = order[: order.index((chosen.candidate, chosen.compute_type))]
    assert all(faster_whisper_need(one.weights, kind) > room for one, kind in better)


@pytest.mark.parametrize(
    ("gigabytes", "name", "compute_type"),
    [
        (24, "large-v3-turbo", "float16"),
        (3, "large-v3-turbo", "int8_float16"),
        (2.2, "small", "float16"),
        (1.6, "base", "int8_float16"),
    ],
)
def test_a_smaller_gpu_gets_smaller_weights_then_a_smaller_model(
    gigabytes: float, name: str, compute_type: str
) -> None:
    chosen = plan(ALL, TYPES, Bytes(int(gigabytes * GB)), faster_whisper_need)

    assert chosen == Plan(candidate(name), compute_type)


def test_where_nothing_limits_us_the_first_choice_is_taken() -> None:
    assert plan(ALL, TYPES, None, faster_whisper_need) == Plan(ALL[0], "float16")


def test_a_named_model_that_does_not_fit_is_refused_in_one_sentence() -> None:
    with pytest.raises(GpuUnavailableError) as caught:
        plan([candidate("large-v3")], TYPES, Bytes(2 * GB), faster_whisper_need)

    assert str(caught.value).startswith("large-v3 needs 3.0 GB of GPU memory and may take 2.0 GB:")


@pytest.mark.parametrize(
    ("compute_type", "measured"), [("float16", 4_525), ("int8_float16", 2_926)]
)
def test_the_need_of_the_largest_model_is_what_was_published(
    compute_type: str, measured: int
) -> None:
    needed = faster_whisper_need(candidate("large-v2").weights, compute_type)

    assert 1.0 <= needed / (measured * 10**6) < 1.1


@pytest.mark.parametrize(
    ("name", "table"), [("tiny", 1), ("base", 1), ("small", 2), ("medium", 5), ("large-v3", 10)]
)
def test_the_original_needs_what_its_own_table_says(name: str, table: int) -> None:
    assert 0.8 < openai_whisper_need(candidate(name).weights, "float16") / (table * GB) < 1.2


@given(rooms, weights, st.sampled_from(TYPES))
def test_a_batch_has_from_1_to_24_windows_and_leaves_a_gigabyte(
    room: Bytes, size: Bytes, kind: str
) -> None:
    windows = windows_at_once(room, size, kind)

    assert 1 <= windows <= 24
    taken = faster_whisper_need(size, kind) - faster_whisper_need(Bytes(0), kind)
    assert windows == 1 or taken + windows * 0.3 * GB + GB <= room


@given(st.lists(rooms, min_size=2, max_size=9).map(sorted), weights)
def test_more_room_never_means_a_smaller_batch(growing: list[Bytes], size: Bytes) -> None:
    batches = [windows_at_once(room, size, "float16") for room in growing]

    assert all(before <= after for before, after in pairwise(batches))


def test_without_a_limit_a_batch_is_as_large_as_pays() -> None:
    assert windows_at_once(None, Bytes(GB), "float16") == 24


class NoDriverError(Exception):
    """As the library makes them."""


@dataclass(frozen=True, slots=True)
class Memory:
    free: int


@dataclass
class FakeDriver:
    """`pynvml` as far as it is used: free bytes by index or UUID."""

    gpus: dict[int | str, int]
    is_broken: bool = False
    is_open: bool = False
    NVMLError: type[Exception] = field(default=NoDriverError)

    def nvmlInit(self) -> None:  # noqa: N802
        if self.is_broken:
            raise NoDriverError("driver not loaded")
        self.is_open = True

    def nvmlShutdown(self) -> None:  # noqa: N802
        self.is_open = False

    def nvmlDeviceGetHandleByIndex(self, index: int, /) -> int | str:  # noqa: N802
        return index

    def nvmlDeviceGetHandleByUUID(self, uuid: str, /) -> int | str:  # noqa: N802
        return uuid

    def nvmlDeviceGetMemoryInfo(self, handle: object, /) -> Memory:  # noqa: N802
        assert self.is_open
        for name, free in self.gpus.items():
            if name == handle:
                return Memory(free)
        raise NoDriverError("no such GPU")


BOX = FakeDriver({0: 4 * GB, 1: 20 * GB, "GPU-7": 9 * GB})


@pytest.mark.parametrize(
    ("visible", "room"),
    [(None, 4 * GB), ("1", 20 * GB), ("1,0", 20 * GB), ("GPU-7", 9 * GB), ("5", None)],
)
def test_the_room_is_that_of_the_gpu_which_the_child_sees(
    visible: str | None, room: int | None
) -> None:
    assert room_for(PipelineSettings(), visible, lambda: BOX) == room
    assert not BOX.is_open


def no_library() -> Driver:
    raise ImportError("pynvml")


@pytest.mark.parametrize(("limit", "room"), [(None, 4 * GB), (2.5, 2_500_000_000), (8.0, 4 * GB)])
def test_the_owners_limit_and_what_is_free_both_hold(limit: float | None, room: int) -> None:
    assert room_for(PipelineSettings(gpu_memory_limit_gb=limit), None, lambda: BOX) == room


def test_what_other_models_of_the_child_hold_counts_against_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    holding = SimpleNamespace(is_initialized=lambda: True, memory_reserved=lambda: 2 * GB)
    monkeypatch.setitem(sys.modules, "torch", SimpleNamespace(cuda=holding))
    limited = PipelineSettings(gpu_memory_limit_gb=5.0)

    assert room_for(limited, "1", lambda: BOX) == 3 * GB


def test_a_driver_that_does_not_answer_leaves_the_owners_limit() -> None:
    limited = PipelineSettings(gpu_memory_limit_gb=6.0)
    broken = FakeDriver({}, is_broken=True)

    assert room_for(limited, None, lambda: broken) == room_for(limited, None, no_library) == 6 * GB
    assert room_for(PipelineSettings(), None, lambda: broken) is None


@dataclass
class FakeTorchCuda:
    fractions: list[float] = field(default_factory=list)

    def mem_get_info(self) -> tuple[int, int]:
        return 10 * GB, 16 * GB

    def set_per_process_memory_fraction(self, fraction: float, /) -> None:
        self.fractions.append(fraction)


@pytest.mark.parametrize(("limit", "fractions"), [(None, []), (4.0, [0.25]), (99.0, [1.0])])
def test_torch_is_told_the_owners_limit(limit: float | None, fractions: list[float]) -> None:
    cuda = FakeTorchCuda()

    limit_torch(PipelineSettings(gpu_memory_limit_gb=limit), cuda)

    assert cuda.fractions == fractions
