"""The GPUs: their driver, what is free on them, and whether they compute what they should."""

from collections.abc import Iterator
from functools import partial

from agent.cli.doctor.check import (
    Check,
    Finding,
    Group,
    error,
    not_applicable,
    ok,
    warning,
)
from agent.cli.doctor.patient import DRIVER_DEADLINE, Patient
from agent.config import hides_gpus, wants_a_gpu
from agent.edges.containers import passed_no_gpu
from agent.edges.trials import Broken
from agent.pipelines.trials.driver import Card, Driver, Trouble

LANE = "gpu"
_GIB = 2**30
_ROOM = 2 * _GIB
"""What the smallest model that is of use takes, with all that CUDA takes beside it."""
_PROHIBITED, _EXCLUSIVE = 2, (1, 3)
STUCK = "look for NVRM and Xid in `dmesg`, then restart the box; no GPU job can run like this"
NO_GPU = "there is no GPU that answers"


def gpu_checks(patient: Patient) -> Iterator[Check]:
    looks = {"driver": _driver, "gpu memory": _memory}
    for name, look in looks.items():
        yield Check(
            group=Group.GPU,
            name=name,
            look=partial(look, patient),
            deadline=DRIVER_DEADLINE + 3,
            lane=LANE,
            when_silent=STUCK,
        )


def _driver(patient: Patient) -> Finding:
    if not patient.settings.gpu:
        return _judged(
            patient, "the GPU is switched off in the settings", "set gpu.enabled to true"
        )
    driver = patient.driver()
    if isinstance(driver, Broken):
        return error(f"the NVIDIA driver: {driver.reason}", STUCK)
    if driver.trouble is None and driver.cards and hides_gpus(patient.environ):
        return _judged(patient, "CUDA_VISIBLE_DEVICES names no GPU", "unset it, or name one")
    if driver.trouble is None and driver.cards:
        return _cards(driver)
    if driver.trouble is Trouble.NO_DRIVER and (advice := _how_to_pass_it_in(patient)):
        needs = patient.settings.gpu_require or patient.settings.device == "cuda"
        return (error if needs else warning)(f"no NVIDIA driver ({driver.reason})", advice)
    is_left_out = patient.container is not None and driver.trouble is Trouble.NO_DRIVER
    if patient.has_nvidia_hardware and not is_left_out and driver.trouble is not Trouble.NO_LIBRARY:
        return _in_trouble(driver, patient)
    return _without(driver, patient)


def _cards(driver: Driver) -> Finding:
    cards = "; ".join(f"{card.name}, {card.total / _GIB:.0f} GiB" for card in driver.cards)
    cuda = dotted(driver.cuda) if driver.cuda else "unknown"
    return ok(
        f"{cards}; driver {driver.version}, for CUDA up to {cuda}",
        driver=driver.version,
        cuda=cuda,
        gpus=len(driver.cards),
    )


def _in_trouble(driver: Driver, patient: Patient) -> Finding:
    seen = f"an NVIDIA GPU is in this box, but {driver.reason or 'its driver sees none'}"
    match driver.trouble:
        case Trouble.MISMATCH:
            return error(seen, "the driver was updated while it ran: restart the box")
        case Trouble.NO_DRIVER:
            advice = (
                "install the NVIDIA driver; a new kernel may need its module built again (dkms)"
            )
            return _judged(patient, seen, advice)
        case Trouble.LOST if patient.container:
            advice = (
                "start the container again: a `systemctl daemon-reload` on the host takes GPUs away"
                " from containers that got them without CDI"
            )
            return error(seen, advice)
        case _:
            return error(seen, STUCK)


def _without(driver: Driver, patient: Patient) -> Finding:
    reason = driver.reason or "the driver is there and sees no GPU"
    if driver.trouble is Trouble.NO_DRIVER:
        reason = f"no NVIDIA driver is loaded ({driver.reason})"
    return _judged(patient, reason, "install the NVIDIA driver")


def _how_to_pass_it_in(patient: Patient) -> str | None:
    """To a container that is meant to have a GPU, and was started without."""
    if patient.container is None or not wants_a_gpu(patient.settings, patient.environ):
        return None
    return passed_no_gpu(patient.container)


def _judged(patient: Patient, seen: str, advice: str) -> Finding:
    """A GPU is missed only where it is wanted."""
    settings = patient.settings
    if settings.gpu_require:
        return error(seen, f"{advice}, or start with --no-require-gpu: `run` refuses like this")
    if settings.device == "cuda":
        return error(seen, f"{advice}, or set speech.device to auto")
    if settings.gpu and settings.capability == "gpu":
        # Not `cpu`: such an agent takes no audio, which is what most boxes are here for.
        return warning(
            seen,
            f"{advice}; or let jobs be computed on the processor: --no-gpu --capability hybrid,"
            " which takes audio all the same",
        )
    if settings.gpu and patient.has_nvidia_hardware and patient.container is None:
        return warning(f"{seen}; jobs are computed on the processor", advice)
    return ok(f"{seen}; jobs are computed on the processor")


def _memory(patient: Patient) -> Finding:
    driver = patient.driver() if patient.settings.gpu else None
    if not isinstance(driver, Driver) or not driver.cards:
        return not_applicable(NO_GPU)
    seen = "; ".join(map(_room, driver.cards))
    numbers = {f"free_bytes_{number}": card.free for number, card in enumerate(driver.cards)}
    if any(card.compute_mode == _PROHIBITED for card in driver.cards):
        return error(f"computing is forbidden on a GPU; {seen}", "nvidia-smi --compute-mode=0")
    if any(card.compute_mode in _EXCLUSIVE for card in driver.cards):
        advice = "nvidia-smi --compute-mode=0, or keep to one child for each GPU"
        return warning(f"a GPU takes one program at a time; {seen}", advice, **numbers)
    if any(card.free < _ROOM for card in driver.cards):
        advice = "end what holds it, or let jobs wait until it is free again"
        return warning(f"hardly any GPU memory is free: {seen}", advice, **numbers)
    return ok(seen, **numbers)


def _room(card: Card) -> str:
    told = f"{card.free / _GIB:.1f} of {card.total / _GIB:.1f} GiB free"
    if not card.holders:
        return told
    holders = ", ".join(
        f"{one.name or 'a program that cannot be seen from here'} ({one.pid}"
        f"{'' if one.memory is None else f', {one.memory / _GIB:.1f} GiB'})"
        for one in card.holders
    )
    return f"{told}, held by {holders}"


def dotted(version: tuple[int, int]) -> str:
    return f"{version[0]}.{version[1]}"
