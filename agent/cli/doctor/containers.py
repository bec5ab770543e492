"""Containers: the one that we are in, or the engines with which the owner may start one."""

import shutil
from collections.abc import Iterator, Sequence
from functools import partial

from agent.cli.doctor.check import (
    Check,
    Finding,
    Group,
    error,
    not_applicable,
    ok,
    unknown,
    warning,
)
from agent.cli.doctor.patient import Patient
from agent.config import wants_a_gpu
from agent.edges.container_engines import (
    CdiSpec,
    Engine,
    cdi_specs,
    engines,
    has_gpu_files,
    loaded_driver,
)

GPUS_FLAG_FROM = (5, 0)
"""The podman that understands --gpus; those before take it and do nothing."""
CDI_FROM = (4, 1)
_KIND = "nvidia.com/gpu"
_MAKE = "sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"
_TOOLKIT = "install the NVIDIA container toolkit"
_WANTED = ("compute", "utility")
"""What is missing of `video` the check `nvdec` sees for itself: some containers have it unnamed."""


def container_checks(patient: Patient) -> Iterator[Check]:
    looks = {
        "container": partial(_inside, patient),
        "engine": partial(_engine, patient),
        "cdi": partial(_cdi, patient),
    }
    for name, look in looks.items():
        yield Check(group=Group.CONTAINER, name=name, look=look)


def _inside(patient: Patient) -> Finding:
    if patient.container is None:
        return not_applicable("this is no container")
    return inside_finding(
        patient.container,
        has_gpu=has_gpu_files(),
        wants_gpu=wants_a_gpu(patient.settings, patient.environ),
        abilities=patient.environ.get("NVIDIA_DRIVER_CAPABILITIES", ""),
    )


def inside_finding(engine: str, *, has_gpu: bool, wants_gpu: bool, abilities: str) -> Finding:
    """`abilities` is what the engine was told to pass in of the driver."""
    where = "in a container" if engine == "other" else f"in a container of {engine}"
    if not has_gpu:
        seen = f"{where}, and no GPU was passed in"
        return ok(f"{seen}; see `driver`" if wants_gpu else seen)
    named = {one.strip() for one in abilities.split(",") if one.strip()}
    missing = [one for one in _WANTED if named and "all" not in named and one not in named]
    if missing:
        advice = f"set NVIDIA_DRIVER_CAPABILITIES={','.join((*_WANTED, 'video'))}"
        seen = f"{where} with a GPU, but without the driver's part for"
        return warning(f"{seen} {', '.join(missing)}", advice)
    return ok(f"{where}, and a GPU was passed in")


def _engine(patient: Patient) -> Finding:
    if patient.container is not None:
        return not_applicable("the host's business, not the container's")
    return engine_finding(tuple(engines()), has_gpu=patient.has_nvidia_hardware)


def engine_finding(found: Sequence[Engine], *, has_gpu: bool) -> Finding:
    if not found:
        return not_applicable("neither podman nor docker is in the PATH")
    seen = ", ".join(f"{one.name} {one.said}" for one in found)
    podman = next((one.version for one in found if one.name == "podman"), None)
    if podman is None or podman >= GPUS_FLAG_FROM:
        return ok(seen)
    seen = f"{seen}; this podman takes --gpus and silently does nothing for it"
    advice = (
        "give containers the GPU with --device nvidia.com/gpu=all"
        if podman >= CDI_FROM
        else "use podman 5, or at least 4.1, which knows --device nvidia.com/gpu=all"
    )
    return warning(seen, advice) if has_gpu else ok(seen)


def _cdi(patient: Patient) -> Finding:
    if patient.container is not None:
        return not_applicable("the host's business, not the container's")
    return cdi_finding(
        tuple(cdi_specs()),
        loaded_driver(),
        has_engine=any(shutil.which(name) for name in ("podman", "docker")),
        has_gpu=patient.has_nvidia_hardware,
        has_toolkit=shutil.which("nvidia-ctk") is not None,
    )


def cdi_finding(
    specs: Sequence[CdiSpec],
    driver: str | None,
    *,
    has_engine: bool,
    has_gpu: bool,
    has_toolkit: bool,
) -> Finding:
    """`driver` is the version that runs now."""
    make = _MAKE if has_toolkit else f"{_TOOLKIT}, then {_MAKE}"
    for spec in specs:
        if spec.trouble:
            return error(f"{spec.path}: {spec.trouble}", make)
    ours = [spec for spec in specs if spec.kind == _KIND]
    if not ours:
        return _without_spec(make, has_engine=has_engine, has_gpu=has_gpu)
    for spec in ours:
        stale = [one for one in spec.drivers if driver is not None and one != driver]
        if stale:
            seen = f"{spec.path} is of driver {', '.join(stale)}, and {driver} runs now"
            return error(f"{seen}: containers would start without a GPU, or not at all", make)
    if driver is None:
        paths = ", ".join(str(spec.path) for spec in ours)
        return unknown(f"{paths} cannot be compared: no driver is loaded", "see `driver`")
    devices = ", ".join(dict.fromkeys(name for spec in ours for name in spec.devices))
    where = ", ".join(str(spec.path) for spec in ours)
    return ok(f"{where} gives {devices or 'nothing'}, of driver {driver}")


def _without_spec(make: str, *, has_engine: bool, has_gpu: bool) -> Finding:
    if not has_gpu:
        return not_applicable("there is no NVIDIA GPU to pass into containers")
    if not has_engine:
        return not_applicable("no container engine is here")
    return warning(
        "no CDI spec tells container engines of the GPU; the agent itself needs none", make
    )
