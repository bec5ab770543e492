"""Whether each library computes on the GPUs what it should, and which fit the driver."""

from collections.abc import Iterator
from functools import partial

from agent.cli.doctor.check import Check, Finding, Group, error, not_applicable, ok, warning
from agent.cli.doctor.gpus import LANE, NO_GPU, STUCK, dotted
from agent.cli.doctor.patient import Once, Patient
from agent.config import wanted_types
from agent.edges.trials import Broken, Trial
from agent.pipelines.trials.arithmetic import Arithmetic, CTranslate2, Device, Torch
from agent.pipelines.trials.driver import Driver
from agent.pipelines.trials.films import Filming

_COMPUTE_DEADLINE = 90.0
_FILM_DEADLINE = 20.0
_BUILT_WITH = (12, 8)
"""The CUDA that CTranslate2's packages are compiled with from 4.6.3 on."""


def computing_checks(patient: Patient) -> Iterator[Check]:
    tried = Once(lambda: _tried(patient))
    looks = (
        ("torch", partial(_torch, patient, tried), _COMPUTE_DEADLINE),
        ("ctranslate2", partial(_ctranslate2, patient, tried), _COMPUTE_DEADLINE),
        ("nvdec", partial(_nvdec, patient), _FILM_DEADLINE),
    )
    for name, look, deadline in looks:
        yield Check(
            group=Group.GPU,
            name=name,
            look=look,
            deadline=deadline + 3,
            lane=LANE,
            when_silent=STUCK,
        )


def _tried(patient: Patient) -> Arithmetic | Broken:
    trial = Trial("agent.pipelines.trials.arithmetic", Arithmetic)
    return trial.run(patient.child_environ, _COMPUTE_DEADLINE)


def _torch(patient: Patient, tried: Once[Arithmetic | Broken]) -> Finding:
    if not patient.has_gpu:
        return not_applicable(NO_GPU)
    outcome = tried()
    if isinstance(outcome, Broken):
        return error(f"computing on the GPU: {outcome.reason}", STUCK)
    driver = patient.driver()
    if outcome.torch is None:
        return not_applicable("torch is not installed; faster-whisper does without")
    return torch_finding(outcome.torch, driver.cuda if isinstance(driver, Driver) else None)


def torch_finding(torch: Torch, driver_cuda: tuple[int, int] | None) -> Finding:
    build = f"torch {torch.version} for CUDA {torch.cuda}"
    if torch.cuda is None and not torch.trouble:
        advice = "install torch for CUDA: https://pytorch.org/get-started/locally"
        return warning(f"torch {torch.version} is built for the processor alone", advice)
    if torch.cuda and driver_cuda and _number(torch.cuda)[0] > driver_cuda[0]:
        advice = f"update the driver, or install a torch for CUDA {driver_cuda[0]}"
        return error(f"{build}; the driver knows CUDA up to {dotted(driver_cuda)}", advice)
    if torch.trouble or not torch.devices:
        trouble = torch.trouble or "it sees no GPU"
        advice = "install torch again as its own page says, for a CUDA that the driver knows"
        return error(f"{build if torch.version else 'torch'}: {trouble}", advice)
    for device in torch.devices:
        if not _has_code_for(device, torch.kinds):
            advice = "install a torch that has code for it: an older one for an old GPU, and so on"
            return error(f"{build} has no code for {device.name} ({_kind(device)})", advice)
    return _products(torch, build)


def _products(torch: Torch, build: str) -> Finding:
    wrong = [f"{device.name}: {device.trouble}" for device in torch.devices if device.trouble]
    if wrong and all("out of memory" in device.trouble for device in torch.devices):
        advice = "end what holds it and try again; see `gpu memory`"
        return warning(f"{build}; no room to try it: {'; '.join(wrong)}", advice)
    if wrong:
        advice = "end what else uses the GPU and try again; then doubt the driver, then the card"
        return error(f"{build}; {'; '.join(wrong)}", advice)
    took = max(device.took for device in torch.devices)
    seen = f"{build}; 256 MiB taken and a matrix product right on each GPU, in {took:.1f} s"
    return ok(seen, torch=torch.version, cuda=str(torch.cuda), took_s=took)


def _has_code_for(device: Device, kinds: tuple[str, ...]) -> bool:
    """Machine code runs on later GPUs of the same generation; PTX on every later one."""
    major, minor = device.capability
    if not kinds:
        return True
    for kind in kinds:
        what, _, number = kind.partition("_")
        digits = number.rstrip("af")
        if not digits.isdigit():
            continue
        own = divmod(int(digits), 10)
        is_later = own <= (major, minor)
        if is_later and (what == "compute" or own[0] == major):
            return True
    return False


def _kind(device: Device) -> str:
    return f"sm_{device.capability[0]}{device.capability[1]}"


def _ctranslate2(patient: Patient, tried: Once[Arithmetic | Broken]) -> Finding:
    if not patient.has_gpu:
        return not_applicable(NO_GPU)
    outcome = tried()
    if isinstance(outcome, Broken):
        return error(f"computing on the GPU: {outcome.reason}", STUCK)
    if outcome.ctranslate2 is None:
        return not_applicable("CTranslate2 is not installed")
    driver = patient.driver()
    cuda = driver.cuda if isinstance(driver, Driver) else None
    return ctranslate2_finding(outcome.ctranslate2, cuda)


def ctranslate2_finding(found: CTranslate2, driver_cuda: tuple[int, int] | None) -> Finding:
    name = f"CTranslate2 {found.version}".strip()
    if found.trouble or not found.devices:
        trouble = found.trouble or "it sees no GPU, though the driver does"
        return error(f"{name}: {trouble}", "pip install --upgrade ctranslate2, and see `driver`")
    if found.cublas:
        return error(
            f"{name} finds no cuBLAS of CUDA 12 ({found.cublas})",
            "pip install nvidia-cublas-cu12",
        )
    types, gpus = ", ".join(found.types), "GPU" if found.devices == 1 else "GPUs"
    if driver_cuda and driver_cuda < _BUILT_WITH:
        return warning(
            f"{name} is made with CUDA {dotted(_BUILT_WITH)}, the driver knows up to"
            f" {dotted(driver_cuda)}: transcripts may come out empty",
            "update the driver to 570 or later, or trust the check `hearing`",
            ctranslate2=found.version,
        )
    return ok(
        f"{name} sees {found.devices} {gpus}, with cuBLAS, and computes in {types}",
        ctranslate2=found.version,
    )


def _nvdec(patient: Patient) -> Finding:
    settings = patient.settings
    if not patient.has_gpu:
        return not_applicable(NO_GPU)
    if not (settings.gpu and settings.gpu_video_decoding):
        return not_applicable("gpu.video_decoding is off")
    if "video" not in wanted_types(settings, patient.hardware()):
        return not_applicable("this agent takes no video")
    trial = Trial("agent.pipelines.trials.films", Filming)
    outcome = trial.run(patient.child_environ, _FILM_DEADLINE)
    if isinstance(outcome, Broken):
        return warning(f"decoding on the GPU: {outcome.reason}", "set gpu.video_decoding to false")
    return nvdec_finding(outcome, patient.container)


def nvdec_finding(found: Filming, container: str | None) -> Finding:
    off = "set gpu.video_decoding to false, which costs little"
    if found.trouble:
        return warning(f"the film to try it with could not be made ({found.trouble})", off)
    if found.decoder == "cuda":
        if found.is_right:
            return ok("a film was decoded on the GPU, and every picture is right")
        return error("the GPU decodes a film into wrong pictures", f"{off}; update the driver")
    if found.library and container:
        advice = "start it with NVIDIA_DRIVER_CAPABILITIES=compute,utility,video"
        return warning(
            f"this container has no libnvcuvid: films are decoded in {_plain(found)}", advice
        )
    return warning(f"films are decoded in {_plain(found)}", f"{off}; or update the driver")


def _plain(found: Filming) -> str:
    return found.decoder or "software"


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdigit())
