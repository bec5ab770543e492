"""What `doctor` looks at on this box; nothing heavy is imported for it."""

import os
import platform
import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib import metadata
from pathlib import Path

from agent.config import Settings, announced_types, pipeline_settings
from agent.edges.nvml import Nvml
from agent.edges.probe import SystemProbe, free_disk

DISTRIBUTION = "morag-agent"
_REQUIREMENT = re.compile(r"([A-Za-z0-9._-]+)[^;]*(?:;.*extra\s*==\s*[\"'](\w+)[\"'])?")


class State(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAIL = "FAIL"


@dataclass(frozen=True, slots=True)
class Check:
    name: str
    state: State
    found: str
    advice: str = ""
    """What to do; only where something is not right."""


def local_checks(settings: Settings) -> Iterator[Check]:
    yield Check("python", State.OK, f"{platform.python_version()} on {platform.platform()}")
    yield from package_checks()
    yield ffmpeg_check(settings)
    yield gpu_check(settings, Nvml())
    yield spool_check(settings)
    yield model_check(settings)


def package_checks() -> Iterator[Check]:
    """One line for what is always needed, and one for each extra."""
    try:
        requirements = metadata.requires(DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        yield Check(
            "packages",
            State.WARN,
            f"{DISTRIBUTION} runs without being installed",
            "pip install . in its folder, so that versions can be told",
        )
        return
    for extra, names in _by_extra(requirements).items():
        if extra not in {"dev", "all"}:
            yield _package_check(extra, names)


def _by_extra(requirements: list[str]) -> Mapping[str, list[str]]:
    found: dict[str, list[str]] = {}
    for text in requirements:
        if parts := _REQUIREMENT.match(text):
            found.setdefault(parts[2] or "", []).append(parts[1])
    return found


def _package_check(extra: str, names: list[str]) -> Check:
    versions = {name: _version(name) for name in names}
    there = ", ".join(f"{name} {version}" for name, version in versions.items() if version)
    missing = ", ".join(name for name, version in versions.items() if version is None)
    title = f"extra {extra}" if extra else "packages"
    if not missing:
        return Check(title, State.OK, there)
    install = f"pip install '{DISTRIBUTION}[{extra}]'" if extra else f"pip install {DISTRIBUTION}"
    if extra and not there:
        return Check(title, State.OK, f"not installed (if you want it: {install})")
    state = State.WARN if extra else State.FAIL
    return Check(title, state, f"{there}; missing: {missing}", install)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def ffmpeg_check(settings: Settings) -> Check:
    version = _version("av")
    if version is not None:
        return Check("ffmpeg", State.OK, f"PyAV {version}, which brings its own")
    binary = shutil.which("ffmpeg")
    found = f"no PyAV (the binary {binary} is not used)" if binary else "neither PyAV nor ffmpeg"
    state = State.FAIL if "audio" in announced_types(settings) else State.WARN
    return Check("ffmpeg", state, found, f"pip install '{DISTRIBUTION}[fast]'")


def gpu_check(settings: Settings, nvml: Nvml) -> Check:
    probe = SystemProbe(settings.spool, nvml=nvml if settings.gpu else None)
    sight = probe.gpus()
    if sight.gpus:
        cards = (f"{gpu.name}, {gpu.memory / 2**30:.0f} GiB" for gpu in sight.gpus)
        return Check("gpu", State.OK, f"{'; '.join(cards)}; driver {sight.gpus[0].driver}")
    reason = sight.reason or "none"
    if settings.device == "cuda":
        advice = "install the NVIDIA driver, or set speech.device to auto"
        return Check("gpu", State.FAIL, reason, advice)
    if settings.gpu and settings.capability == "gpu":
        advice = 'jobs are computed on the processor; capability = "cpu" or gpu off says so'
        return Check("gpu", State.WARN, reason, advice)
    return Check("gpu", State.OK, reason)


def spool_check(settings: Settings) -> Check:
    spool = settings.spool
    if (trouble := _cannot_write(spool)) is not None:
        advice = "give another folder with --spool, or make this one writable for you"
        return Check("spool", State.FAIL, f"{spool}: {trouble}", advice)
    free = free_disk(spool)
    found = f"{spool}, {free / 1e9:.1f} GB free"
    if free <= settings.spool_reserve:
        advice = "free some space, or lower spool.reserve: no job is taken like this"
        return Check("spool", State.FAIL, found, advice)
    if free < settings.spool_reserve + settings.max_file_size:
        advice = "inputs as large as limits.max_file_size do not fit; smaller ones do"
        return Check("spool", State.WARN, found, advice)
    return Check("spool", State.OK, found)


def _cannot_write(folder: Path) -> str | None:
    """Why not; a folder that is not there yet has to find a place it may be made in."""
    there = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    if not there.is_dir():
        return f"{there} is no folder"
    if there != folder:
        return None if os.access(there, os.W_OK | os.X_OK) else f"cannot be made in {there}"
    try:
        with tempfile.TemporaryFile(dir=folder) as probe:
            probe.write(b"doctor")
    except OSError as error:
        return error.strerror or str(error)
    return None


def model_check(settings: Settings) -> Check:
    if "audio" not in announced_types(settings):
        return Check("model", State.OK, "none needed: this agent takes no audio")
    from agent.pipelines.models import describe_models

    report = describe_models(pipeline_settings(settings))
    if not report.is_usable:
        return Check("model", State.FAIL, report.advice.rstrip("."), "as it says, then try again")
    if report.model is None:
        found = f"none yet for {report.engine}; it is downloaded with the first job"
        return Check("model", State.OK, found)
    found = f"{report.model.name} by {report.engine} on {report.device}, {report.model.path}"
    return Check("model", State.OK, found)
