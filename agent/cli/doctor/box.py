"""The machine: its system, its memory, and what limits us on it."""

import os
import platform
import resource
import shutil
from collections.abc import Callable, Iterator
from functools import partial

from agent.cli.doctor.check import Check, Finding, Group, ok, warning
from agent.cli.doctor.patient import Patient
from agent.config import slots_on
from agent.config.derived import MEMORY_PER_SLOT
from agent.edges.cgroups import Allowance, allowance
from agent.edges.probe import usable_cores

_GB = 10**9
FEW_FILES, FEW_PROCESSES = 1024, 100
SMALL_SHM = 32 * 10**6


def box_checks(patient: Patient) -> Iterator[Check]:
    looks: dict[str, Callable[[], Finding]] = {
        "system": _system,
        "memory": partial(_memory, patient),
        "limits": _limits,
    }
    for name, look in looks.items():
        yield Check(group=Group.BOX, name=name, look=look)


def _system() -> Finding:
    python, cores = platform.python_version(), usable_cores()
    kernel = f"{platform.system()} {platform.release().partition('-')[0]} {platform.machine()}"
    seen = f"Python {python} on {_distribution()}, {kernel}, {cores} cores"
    return ok(seen, python=python, platform=platform.platform(), cores=cores)


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release().get("PRETTY_NAME", "Linux")
    except OSError:
        return "a system without a name"


def _memory(patient: Patient) -> Finding:
    import psutil

    now, swap = psutil.virtual_memory(), psutil.swap_memory()
    slots = slots_on(patient.settings, patient.hardware())
    return memory_finding(now.total, now.available, swap.total, allowance(), slots)


def memory_finding(
    total: int, available: int, swap: int, allowed: Allowance, slots: int
) -> Finding:
    limit = total if allowed.memory is None else min(total, allowed.memory)
    room = min(available, limit)
    seen = f"{room / _GB:.1f} of {limit / _GB:.1f} GB free, {swap / _GB:.1f} GB of swap"
    if limit < total:
        seen = f"{seen}; the control group gives us {limit / _GB:.1f} of {total / _GB:.1f} GB"
    numbers = {"available_bytes": room, "total_bytes": limit, "swap_bytes": swap}
    needed = slots * MEMORY_PER_SLOT
    if limit < needed:
        advice = f"lower agent.slots (now {slots}), or give us more memory"
        return warning(f"{seen}; {_slots(slots)} may need {needed / _GB:.0f} GB", advice, **numbers)
    if room < needed:
        advice = "end what else takes memory, or jobs may be ended for want of it"
        return warning(f"{seen}; {_slots(slots)} may need {needed / _GB:.0f} GB", advice, **numbers)
    return ok(seen, **numbers)


def _slots(slots: int) -> str:
    return f"{slots} slot{'' if slots == 1 else 's'}"


def _limits() -> Finding:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        shared = shutil.disk_usage("/dev/shm").total  # noqa: S108 - it is looked at, not used
    except OSError:
        shared = 0
    return limits_finding(allowance(), soft, hard, shared, os.cpu_count() or 1)


def limits_finding(allowed: Allowance, files: int, most: int, shared: int, cores: int) -> Finding:
    """`files` may be open, `most` if asked for; `shared` are the bytes of /dev/shm."""
    seen = f"{_number(files)} open files, {shared / _GB:.1f} GB of shared memory"
    if allowed.processes is not None:
        seen = f"{seen}, {allowed.processes} processes"
    if allowed.cores is not None:
        seen = f"{seen}, {allowed.cores:g} of {cores} cores"
    numbers = {"open_files": files, "shared_bytes": shared}
    if 0 <= files < FEW_FILES:
        return warning(
            seen, f"raise the limit of open files (ulimit -n {_number(most)})", **numbers
        )
    if allowed.processes is not None and allowed.processes < FEW_PROCESSES:
        return warning(seen, "raise the limit of processes (--pids-limit 512)", **numbers)
    if allowed.cores is not None and allowed.cores < 1:
        return warning(seen, "give us at least one core (--cpus)", **numbers)
    if shared < SMALL_SHM:
        advice = "give us more of it (--shm-size 256m): libraries share memory there"
        return warning(seen, advice, **numbers)
    return ok(seen, **numbers)


def _number(limit: int) -> str:
    return "any number of" if limit == resource.RLIM_INFINITY else str(limit)
