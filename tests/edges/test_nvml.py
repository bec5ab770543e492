import pytest

from agent.edges.nvml import Library, Nvml, installed_library
from agent.model.hardware import Gpu
from agent.model.ids import Bytes
from tests.fakes.nvml import Card, FakeNvml, NvmlError, NVMLError_LibraryNotFound


def seen_by(library: FakeNvml) -> Nvml:
    return Nvml(lambda: library)


def test_each_card_is_seen_with_name_memory_and_driver() -> None:
    sight = seen_by(FakeNvml([Card(name="A"), Card(name="B")], driver="550")).look()

    memory = Bytes(24 * 2**30)
    assert sight.gpus == (Gpu("A", memory, "550"), Gpu("B", memory, "550"))
    assert sight.reason is None


def test_a_box_without_a_driver_has_no_gpus_and_says_why() -> None:
    sight = seen_by(FakeNvml(broken=NVMLError_LibraryNotFound("not found"))).look()

    assert sight.gpus == ()
    assert sight.reason == "no NVIDIA driver is loaded (not found)"


def test_a_driver_that_does_not_answer_is_told() -> None:
    sight = seen_by(FakeNvml(broken=NvmlError("Driver/library version mismatch"))).look()

    assert sight.reason == ("the NVIDIA driver does not answer (Driver/library version mismatch)")


def test_a_driver_without_cards_is_told() -> None:
    assert seen_by(FakeNvml()).look().reason == "the NVIDIA driver is there and sees no GPU"


def test_without_the_package_there_are_no_gpus() -> None:
    def missing() -> Library:
        raise ImportError

    assert Nvml(missing).look().reason == "the package nvidia-ml-py is not installed"


def test_readings_tell_load_memory_and_temperature() -> None:
    nvml = seen_by(FakeNvml([Card()]))
    nvml.look()

    assert nvml.readings() == [
        {
            "memory_used_bytes": 2**30,
            "memory_total_bytes": 24 * 2**30,
            "utilisation_percent": 42,
            "temperature_c": 61,
        }
    ]


def test_a_question_that_a_card_does_not_support_is_left_out() -> None:
    nvml = seen_by(FakeNvml([Card(utilization=None, temperature=None)]))
    nvml.look()

    (reading,) = nvml.readings()

    assert isinstance(reading, dict)
    assert reading.keys() == {"memory_used_bytes", "memory_total_bytes"}


def test_nobody_asks_cards_that_were_never_seen() -> None:
    assert seen_by(FakeNvml(broken=NvmlError("x"))).readings() == []


def test_the_driver_is_opened_once_and_tried_again_while_it_is_broken() -> None:
    library = FakeNvml([Card()], broken=NvmlError("x"))
    nvml = seen_by(library)

    nvml.look()
    library.broken = None
    nvml.look()
    nvml.look()

    assert library.inits == 2


@pytest.mark.parametrize(
    "name", [name for name in dir(FakeNvml) if name.startswith(("nvml", "NV"))]
)
def test_the_fake_offers_only_what_the_library_has(name: str) -> None:
    assert hasattr(installed_library(), name)


def test_the_real_library_gives_gpus_or_a_reason() -> None:
    sight = Nvml().look()

    assert bool(sight.gpus) is (sight.reason is None)
