from dataclasses import replace

import pytest

from agent.cli.doctor.check import Finding, Verdict
from agent.cli.doctor.computing import computing_checks
from agent.cli.doctor.gpus import gpu_checks
from agent.cli.doctor.patient import Patient
from agent.config import Settings, load, wanted_types
from agent.edges.surroundings import Engine
from agent.edges.trials import Broken
from agent.model.hardware import Hardware
from agent.model.ids import Bytes
from agent.pipelines.trials.driver import Driver, Holder, Trouble
from tests.cli.doctor.patients import CARD, GIB, HANGS, WORKS, patient

NO_GPU = Hardware(cpu_cores=4, memory=Bytes(2**33), disk_free=Bytes(0), gpus=(), hostname="attic")


def found(who: Patient, name: str = "driver") -> Finding:
    (look,) = (check.look for check in gpu_checks(who) if check.name == name)
    return look()


def test_a_driver_that_works_is_told_with_its_cards_and_its_cuda() -> None:
    finding = found(patient(driver=WORKS))

    assert finding.verdict is Verdict.OK
    assert finding.seen == "NVIDIA GeForce RTX 3090, 24 GiB; driver 570.86, for CUDA up to 12.8"
    assert finding.measured == {"driver": "570.86", "cuda": "12.8", "gpus": 1}


def test_a_driver_that_hangs_is_an_error_for_the_whole_box() -> None:
    finding = found(patient(driver=HANGS))

    assert finding.verdict is Verdict.ERROR
    assert "no answer within 8 s" in finding.seen
    assert "restart the box" in finding.advice


@pytest.mark.parametrize(
    ("settings", "verdict"),
    [
        (Settings(), Verdict.OK),
        (Settings(gpu=False), Verdict.OK),
        (Settings(capability="gpu"), Verdict.WARNING),
        (Settings(device="cuda"), Verdict.ERROR),
    ],
)
def test_a_gpu_is_missed_only_where_it_is_wanted(settings: Settings, verdict: Verdict) -> None:
    assert found(patient(settings)).verdict is verdict


def test_the_driver_is_not_even_asked_where_the_gpu_is_switched_off() -> None:
    off = Settings(gpu=False)

    assert "switched off" in found(patient(off, HANGS)).seen
    assert found(patient(off, HANGS), "gpu memory").verdict is Verdict.NOT_APPLICABLE


def test_who_follows_the_advice_about_a_missing_gpu_still_takes_audio() -> None:
    finding = found(patient(Settings(capability="gpu")))
    advised = load(environ={}, flags={"gpu": False, "capability": "hybrid"}).settings

    assert "--no-gpu --capability hybrid" in finding.advice
    assert "audio" in wanted_types(advised, NO_GPU)
    assert found(patient(advised)).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("driver", "container", "advice"),
    [
        (Driver(trouble=Trouble.MISMATCH, reason="version mismatch"), None, "restart the box"),
        (Driver(trouble=Trouble.LOST, reason="Unknown Error"), "docker", "daemon-reload"),
        (Driver(trouble=Trouble.LOST, reason="GPU is lost"), None, "restart the box"),
        (Driver(version="570.86"), None, "restart the box"),
    ],
)
def test_a_card_without_a_driver_that_answers_is_an_error_with_what_to_do(
    driver: Driver, container: Engine | None, advice: str
) -> None:
    finding = found(patient(driver=driver, has_card=True, container=container))

    assert finding.verdict is Verdict.ERROR
    assert "an NVIDIA GPU is in this box" in finding.seen
    assert advice in finding.advice


def test_a_card_without_any_driver_is_worth_a_word_on_a_box_that_may_use_it() -> None:
    finding = found(patient(has_card=True))

    assert finding.verdict is Verdict.WARNING
    assert "dkms" in finding.advice


@pytest.mark.parametrize(
    ("settings", "variant", "verdict"),
    [
        (Settings(), "cuda", Verdict.WARNING),
        (Settings(capability="gpu"), "cpu", Verdict.WARNING),
        (Settings(device="cuda"), "cpu", Verdict.ERROR),
        (Settings(gpu_require=True), "cuda", Verdict.ERROR),
    ],
)
def test_a_container_without_its_gpu_is_told_how_to_start_it(
    settings: Settings, variant: str, verdict: Verdict
) -> None:
    who = patient(settings, container="podman", environ={"MORAG_AGENT_VARIANT": variant})

    finding = found(who)

    assert finding.verdict is verdict
    assert "--device nvidia.com/gpu=all" in finding.advice


def test_a_container_that_is_meant_to_have_no_gpu_is_left_in_peace() -> None:
    environ = {"MORAG_AGENT_VARIANT": "cpu"}

    assert found(patient(container="docker", environ=environ, has_card=True)).verdict is Verdict.OK


def test_a_required_gpu_that_is_missing_is_an_error() -> None:
    finding = found(patient(Settings(gpu_require=True)))

    assert finding.verdict is Verdict.ERROR
    assert "--no-require-gpu" in finding.advice


def test_a_missing_package_is_not_taken_for_a_missing_driver() -> None:
    driver = Driver(trouble=Trouble.NO_LIBRARY, reason="the package nvidia-ml-py is missing")

    assert found(patient(driver=driver)).seen.startswith("the package nvidia-ml-py is missing")


def test_who_holds_the_memory_of_a_gpu_is_told() -> None:
    holders = (Holder(4711, "game.exe", 6 * GIB), Holder(12, "", None))
    busy = replace(WORKS, cards=(replace(CARD, holders=holders),))

    finding = found(patient(driver=busy), "gpu memory")

    assert finding.verdict is Verdict.OK
    assert "20.0 of 24.0 GiB free" in finding.seen
    assert "game.exe (4711, 6.0 GiB)" in finding.seen
    assert "a program that cannot be seen from here (12)" in finding.seen
    assert finding.measured == {"free_bytes_0": 20 * GIB}


@pytest.mark.parametrize(
    ("free", "mode", "verdict"),
    [
        (20 * GIB, 0, Verdict.OK),
        (20 * GIB, None, Verdict.OK),
        (GIB, 0, Verdict.WARNING),
        (20 * GIB, 3, Verdict.WARNING),
        (20 * GIB, 2, Verdict.ERROR),
    ],
)
def test_a_gpu_that_takes_no_job_is_told(free: int, mode: int | None, verdict: Verdict) -> None:
    card = replace(CARD, free=free, compute_mode=mode)

    finding = found(patient(driver=replace(WORKS, cards=(card,))), "gpu memory")

    assert finding.verdict is verdict


def test_what_cannot_be_asked_is_not_told() -> None:
    crashed = Broken("it crashed (SIGSEGV)")

    assert found(patient(driver=crashed), "gpu memory").verdict is Verdict.NOT_APPLICABLE
    assert "SIGSEGV" in found(patient(driver=crashed)).seen
    assert patient(driver=crashed).hardware().gpus == ()


@pytest.mark.parametrize("require", [True, False])
def test_gpus_that_the_environment_hides_are_told_before_any_library_is_blamed(
    *, require: bool
) -> None:
    who = patient(Settings(gpu_require=require), WORKS, environ={"CUDA_VISIBLE_DEVICES": ""})

    (driver,) = (check.look() for check in gpu_checks(who) if check.name == "driver")

    assert driver.verdict is (Verdict.ERROR if require else Verdict.OK)
    assert driver.seen.startswith("CUDA_VISIBLE_DEVICES names no GPU")
    assert {check.look().verdict for check in computing_checks(who)} == {Verdict.NOT_APPLICABLE}
