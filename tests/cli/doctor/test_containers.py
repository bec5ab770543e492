from pathlib import Path

import pytest

from agent.cli.doctor.check import Verdict
from agent.cli.doctor.containers import (
    cdi_finding,
    container_checks,
    engine_finding,
    inside_finding,
)
from agent.edges.container_engines import CdiSpec, Engine
from tests.cli.doctor.patients import patient

SPEC = CdiSpec(
    path=Path("/etc/cdi/nvidia.yaml"),
    kind="nvidia.com/gpu",
    devices=("0", "all"),
    drivers=("550.54.14",),
)
OLD_PODMAN = Engine("podman", (4, 3), "4.3.1")


def cdi(
    *specs: CdiSpec,
    driver: str | None = "550.54.14",
    has_engine: bool = True,
    has_gpu: bool = True,
    has_toolkit: bool = True,
) -> tuple[Verdict, str, str]:
    found = cdi_finding(
        specs, driver, has_engine=has_engine, has_gpu=has_gpu, has_toolkit=has_toolkit
    )
    return found.verdict, found.seen, found.advice


def test_a_spec_of_the_driver_that_runs_is_fine() -> None:
    verdict, seen, _ = cdi(SPEC)

    assert verdict is Verdict.OK
    assert seen == "/etc/cdi/nvidia.yaml gives 0, all, of driver 550.54.14"


def test_a_spec_from_before_an_update_of_the_driver_is_an_error() -> None:
    verdict, seen, advice = cdi(SPEC, driver="570.86")

    assert verdict is Verdict.ERROR
    assert "is of driver 550.54.14, and 570.86 runs now" in seen
    assert advice.startswith("sudo nvidia-ctk cdi generate")


def test_a_spec_that_cannot_be_read_is_an_error() -> None:
    broken = CdiSpec(path=Path("/etc/cdi/x.yaml"), trouble="it cannot be parsed (line 3)")

    assert cdi(SPEC, broken)[0] is Verdict.ERROR


def test_without_a_spec_an_engine_on_a_gpu_box_is_worth_a_word() -> None:
    assert cdi()[0] is Verdict.WARNING
    assert "install the NVIDIA container toolkit" in cdi(has_toolkit=False)[2]
    assert cdi(has_engine=False)[0] is Verdict.NOT_APPLICABLE
    assert cdi(has_gpu=False)[0] is Verdict.NOT_APPLICABLE
    other = CdiSpec(path=Path("/etc/cdi/tpu.json"), kind="google.com/tpu")
    assert cdi(other)[0] is Verdict.WARNING


def test_without_a_driver_a_spec_cannot_be_compared() -> None:
    assert cdi(SPEC, driver=None)[0] is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("version", "has_gpu", "verdict", "advice"),
    [
        ((4, 3), True, Verdict.WARNING, "--device nvidia.com/gpu=all"),
        ((3, 4), True, Verdict.WARNING, "use podman 5"),
        ((4, 3), False, Verdict.OK, ""),
        ((5, 4), True, Verdict.OK, ""),
        (None, True, Verdict.OK, ""),
    ],
)
def test_a_podman_that_ignores_its_gpu_flag_is_told(
    version: tuple[int, int] | None, verdict: Verdict, advice: str, *, has_gpu: bool
) -> None:
    found = engine_finding([Engine("podman", version, "x")], has_gpu=has_gpu)

    assert found.verdict is verdict
    assert advice in found.advice


def test_old_podman_is_told_even_where_it_does_not_matter_yet() -> None:
    assert "silently does nothing" in engine_finding([OLD_PODMAN], has_gpu=False).seen
    assert engine_finding([], has_gpu=True).verdict is Verdict.NOT_APPLICABLE


@pytest.mark.parametrize(
    ("has_gpu", "abilities", "verdict", "words"),
    [
        (True, "", Verdict.OK, "a GPU was passed in"),
        (True, "all", Verdict.OK, "a GPU was passed in"),
        (True, "compute,graphics,utility", Verdict.OK, "a GPU was passed in"),
        (True, "utility,video", Verdict.WARNING, "without the driver's part for compute"),
        (False, "", Verdict.OK, "no GPU was passed in"),
    ],
)
def test_what_a_container_was_given_is_told(
    abilities: str, verdict: Verdict, words: str, *, has_gpu: bool
) -> None:
    found = inside_finding("podman", has_gpu=has_gpu, wants_gpu=True, abilities=abilities)

    assert found.verdict is verdict
    assert words in found.seen


def test_the_hosts_business_is_not_the_containers_and_the_other_way_round() -> None:
    inside = {check.name: check.look() for check in container_checks(patient(container="podman"))}
    outside = {check.name: check.look() for check in container_checks(patient())}

    assert inside["cdi"].verdict is Verdict.NOT_APPLICABLE
    assert inside["engine"].verdict is Verdict.NOT_APPLICABLE
    assert inside["container"].verdict is Verdict.OK
    assert outside["container"].verdict is Verdict.NOT_APPLICABLE
