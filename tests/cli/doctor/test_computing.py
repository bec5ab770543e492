from dataclasses import replace

import pytest

from agent.cli.doctor.check import Verdict
from agent.cli.doctor.computing import (
    computing_checks,
    ctranslate2_finding,
    nvdec_finding,
    torch_finding,
)
from agent.config import Settings
from agent.pipelines.trials.arithmetic import CTranslate2, Device, Torch
from agent.pipelines.trials.films import Filming
from tests.cli.doctor.patients import HANGS, WORKS, patient

DEVICE = Device(name="RTX 3090", capability=(8, 6), took=0.8)
TORCH = Torch(
    version="2.8.0+cu128", cuda="12.8", kinds=("sm_80", "sm_90", "compute_90"), devices=(DEVICE,)
)
TRANSLATES = CTranslate2(version="4.8.5", devices=1, types=("float16", "int8"))
NEW_DRIVER, OLD_DRIVER = (12, 8), (12, 4)


def test_without_a_gpu_none_of_this_is_tried() -> None:
    for who in (patient(), patient(driver=HANGS), patient(Settings(gpu=False), WORKS)):
        verdicts = {check.look().verdict for check in computing_checks(who)}

        assert verdicts == {Verdict.NOT_APPLICABLE}


def test_torch_that_computes_right_is_told_with_its_cuda() -> None:
    finding = torch_finding(TORCH, NEW_DRIVER)

    assert finding.verdict is Verdict.OK
    assert finding.seen.startswith("torch 2.8.0+cu128 for CUDA 12.8; 256 MiB taken")
    assert finding.measured["cuda"] == "12.8"


def test_a_driver_of_the_same_generation_runs_a_newer_torch() -> None:
    assert torch_finding(TORCH, (12, 2)).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("torch", "driver", "verdict", "words"),
    [
        (
            Torch(version="2.13.0+cpu"),
            NEW_DRIVER,
            Verdict.WARNING,
            "built for the processor alone",
        ),
        (
            replace(TORCH, cuda="13.0"),
            NEW_DRIVER,
            Verdict.ERROR,
            "the driver knows CUDA up to 12.8",
        ),
        (replace(TORCH, devices=()), NEW_DRIVER, Verdict.ERROR, "it sees no GPU"),
        (
            Torch(trouble="libcudart.so.13: cannot open shared object file"),
            NEW_DRIVER,
            Verdict.ERROR,
            "libcudart.so.13",
        ),
        (
            replace(TORCH, devices=(replace(DEVICE, trouble="CUDA error: out of memory"),)),
            None,
            Verdict.WARNING,
            "no room to try it: RTX 3090: CUDA error: out of memory",
        ),
        (
            replace(TORCH, devices=(replace(DEVICE, trouble="misaligned address"),)),
            None,
            Verdict.ERROR,
            "RTX 3090: misaligned address",
        ),
    ],
)
def test_each_way_in_which_torch_does_not_fit_is_told(
    torch: Torch, driver: tuple[int, int] | None, verdict: Verdict, words: str
) -> None:
    finding = torch_finding(torch, driver)

    assert finding.verdict is verdict
    assert words in finding.seen
    assert finding.advice


@pytest.mark.parametrize(
    ("capability", "kinds", "has_code"),
    [
        ((8, 6), ("sm_80",), True),  # the same generation, an older card's code
        ((8, 0), ("sm_86",), False),
        ((12, 0), ("sm_90",), False),  # another generation's code does not run
        ((12, 0), ("sm_90", "compute_90"), True),  # PTX is compiled for it
        ((6, 1), ("sm_75", "compute_75"), False),  # too old a card
        ((9, 0), ("sm_90a",), True),
        ((8, 6), ("gfx1030",), False),
        ((8, 6), (), True),  # not told
    ],
)
def test_code_for_the_card_is_looked_for_as_cuda_does(
    capability: tuple[int, int], kinds: tuple[str, ...], *, has_code: bool
) -> None:
    torch = replace(TORCH, kinds=kinds, devices=(replace(DEVICE, capability=capability),))

    finding = torch_finding(torch, NEW_DRIVER)

    assert (finding.verdict is Verdict.OK) is has_code
    assert has_code or "has no code for RTX 3090" in finding.seen


def test_ctranslate2_that_works_is_told_with_what_it_computes_in() -> None:
    finding = ctranslate2_finding(TRANSLATES, NEW_DRIVER)

    assert finding.verdict is Verdict.OK
    assert "sees 1 GPU, with cuBLAS, and computes in float16, int8" in finding.seen


@pytest.mark.parametrize(
    ("found", "driver", "verdict", "advice"),
    [
        (replace(TRANSLATES, cublas="libcublas.so.12: cannot open"), NEW_DRIVER, Verdict.ERROR,
         "pip install nvidia-cublas-cu12"),
        (replace(TRANSLATES, devices=0), NEW_DRIVER, Verdict.ERROR, "see `driver`"),
        (replace(TRANSLATES, trouble="CUDA driver version is insufficient"), NEW_DRIVER,
         Verdict.ERROR, "see `driver`"),
        (TRANSLATES, OLD_DRIVER, Verdict.WARNING, "update the driver"),
    ],
)  # fmt: skip
def test_each_way_in_which_ctranslate2_does_not_fit_is_told(
    found: CTranslate2, driver: tuple[int, int], verdict: Verdict, advice: str
) -> None:
    finding = ctranslate2_finding(found, driver)

    assert finding.verdict is verdict
    assert advice in finding.advice


@pytest.mark.parametrize(
    ("found", "container", "verdict", "words"),
    [
        (Filming(decoder="cuda", is_right=True), None, Verdict.OK, "every picture is right"),
        (Filming(decoder="cuda", is_right=False), None, Verdict.ERROR, "wrong pictures"),
        (Filming(decoder="software (no GPU)", is_right=True), None, Verdict.WARNING, "no GPU"),
        (
            Filming(decoder="software (x)", is_right=True, library="cannot open"),
            "Docker",
            Verdict.WARNING,
            "libnvcuvid",
        ),
        (Filming(trouble="no encoder"), None, Verdict.WARNING, "no encoder"),
    ],
)
def test_decoding_on_the_gpu_is_judged_by_what_came_of_it(
    found: Filming, container: str | None, verdict: Verdict, words: str
) -> None:
    finding = nvdec_finding(found, container)

    assert finding.verdict is verdict
    assert words in finding.seen


def test_in_a_container_the_missing_part_of_the_driver_is_named() -> None:
    found = Filming(decoder="software (x)", is_right=True, library="cannot open")

    assert "compute,utility,video" in nvdec_finding(found, "podman").advice


def test_no_film_is_decoded_where_none_is_wanted() -> None:
    for settings in (Settings(gpu_video_decoding=False), Settings(content_types=("text",))):
        (look,) = (
            check.look
            for check in computing_checks(patient(settings, WORKS))
            if check.name == "nvdec"
        )

        assert look().verdict is Verdict.NOT_APPLICABLE
