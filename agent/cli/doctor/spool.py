"""The spool: its folder, the disk below it, and what lies in it."""

import os
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path

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
from agent.config import Settings, wanted_types
from agent.edges.disk_speed import DiskSpeed, measure
from agent.edges.display import in_words
from agent.edges.mounts import IN_MEMORY, NETWORK, Mount, existing, mount_of
from agent.edges.probe import free_disk
from agent.edges.spool_sight import SpoolSight, look

_GB, _MB = 10**9, 10**6
_FEW_INODES = 10_000
_SIZE, _THOROUGH_SIZE = 64 * 2**20, 1024 * 2**20
_LONGEST, _THOROUGH_LONGEST = 2.0, 15.0
_SLOW_WRITE = 10 * _MB
"""Bytes per second: a download from a fast line would wait for it."""
_SLOW_SYNC = 0.2
"""Seconds; a job takes a dozen of them."""
_MANY = 5 * _GB
_STUCK = "the disk does not answer: look at `dmesg`, or at the server that it is mounted from"


def spool_checks(patient: Patient) -> Iterator[Check]:
    settings = patient.settings
    longest = _THOROUGH_LONGEST if patient.is_thorough else _LONGEST
    looks = {
        "spool": lambda: folder_finding(settings),
        "file system": lambda: _file_system(settings),
        "leftovers": lambda: leftovers_finding(look(settings.spool)),
    }
    for name, one in looks.items():
        yield Check(group=Group.SPOOL, name=name, look=one, lane="disk", when_silent=_STUCK)
    yield Check(
        group=Group.SPOOL,
        name="disk speed",
        look=partial(_speed, patient, longest),
        lane="measuring",
        deadline=3 * longest + 20,
        wants_quiet=True,
        when_silent=_STUCK,
    )
    if patient.loaded.origins["serve_data"] != "default":
        # Only where it was named: most boxes with an agent have no server.
        yield Check(group=Group.SPOOL, name="data", look=lambda: data_finding(settings.serve_data))


def folder_finding(settings: Settings) -> Finding:
    spool = settings.spool
    if (trouble := _cannot_write(spool)) is not None:
        advice = "give another folder with --spool, or make this one writable for you"
        return error(f"{spool}: {trouble}", advice)
    free = free_disk(spool)
    seen = f"{spool}, {free / _GB:.1f} GB free"
    if free <= settings.spool_reserve:
        advice = "free some space, or lower spool.reserve: no job is taken like this"
        return error(seen, advice, free_bytes=free)
    if free < settings.spool_reserve + settings.max_file_size:
        advice = "inputs as large as limits.max_file_size do not fit; smaller ones do"
        return warning(seen, advice, free_bytes=free)
    return ok(seen, free_bytes=free)


def data_finding(folder: Path) -> Finding:
    """The embedded server's folder, for those who name it."""
    if (trouble := _cannot_write(folder)) is not None:
        advice = "give another folder with --data, or make this one writable for you"
        return error(f"{folder}: {trouble}", advice)
    what = "" if folder.exists() else " (made by the first `serve`)"
    return ok(f"{folder}{what}, {free_disk(folder) / _GB:.1f} GB free")


def _cannot_write(folder: Path) -> str | None:
    """Why not; a folder that is not there yet has to find a place it may be made in."""
    place = existing(folder)
    if not place.is_dir():
        return f"{place} is no folder"
    if place != folder.absolute():
        return None if os.access(place, os.W_OK | os.X_OK) else f"it cannot be made in {place}"
    try:
        # Only real bytes tell: a full disk still has room for an empty file.
        with tempfile.TemporaryFile(dir=folder, buffering=0) as probe:
            probe.write(b"doctor")
    except OSError as trouble:
        return trouble.strerror or str(trouble)
    return None


def _file_system(settings: Settings) -> Finding:
    numbers = os.statvfs(existing(settings.spool))
    mount = mount_of(settings.spool)
    inodes = numbers.f_favail if numbers.f_files else None
    return mount_finding(mount, inodes, reads_documents="document" in wanted_types(settings))


def mount_finding(mount: Mount | None, inodes: int | None, *, reads_documents: bool) -> Finding:
    """`inodes` are those free; None where the file system makes them as it needs them."""
    if mount is None:
        return unknown("this system does not tell how the spool is mounted")
    seen = f"{mount.kind} at {mount.point}"
    if inodes is not None:
        seen = f"{seen}, room for {inodes:,} files"
    if "ro" in mount.options:
        return error(f"{seen}, mounted for reading only", "give another folder with --spool")
    if "noexec" in mount.options and reads_documents:
        advice = "mount it without noexec, or give another folder with --spool"
        return error(f"{seen}, mounted noexec: PDFs cannot be read there", advice)
    if inodes is not None and inodes < _FEW_INODES:
        return warning(seen, "remove small files: each job needs a few dozen")
    if mount.kind in IN_MEMORY:
        advice = "give a folder on a disk with --spool: a restart loses what was computed"
        return warning(f"{seen}: it is memory, not a disk", advice)
    if mount.kind in NETWORK:
        advice = "give a folder on a local disk with --spool, if there is one"
        return warning(f"{seen}: a network's, slow and sometimes away", advice)
    return ok(seen, kind=mount.kind)


def leftovers_finding(found: SpoolSight) -> Finding:
    if not found.is_there:
        return ok("no agent has worked here yet")
    told = [
        f"{name} {pile.entries} ({pile.size / _MB:.0f} MB, oldest {in_words(pile.oldest)})"
        for name, pile in found.piles.items()
        if pile.entries
    ]
    user = "an agent runs here" if found.is_in_use else "no agent runs here"
    seen = f"{user}; {', '.join(told) if told else 'nothing is left over'}"
    numbers = {f"{name}_bytes": pile.size for name, pile in found.piles.items()}
    if sum(pile.size for name, pile in found.piles.items() if name != "held") > _MANY:
        advice = "the agent removes it after spool.retention_h; lower that where space is short"
        return warning(seen, advice, **numbers)
    held = found.piles.get("held")
    if held is not None and held.entries and not found.is_in_use:
        return warning(seen, "start the agent: it goes on with what it holds", **numbers)
    return ok(seen, **numbers)


def _speed(patient: Patient, longest: float) -> Finding:
    settings = patient.settings
    place = existing(settings.spool)
    size = _THOROUGH_SIZE if patient.is_thorough else _SIZE
    if free_disk(place) < settings.spool_reserve + 4 * size:
        return not_applicable("too little space is free to try it")
    return speed_finding(measure(place, size, longest))


def speed_finding(speed: DiskSpeed) -> Finding:
    seen = (
        f"writes {speed.write / _MB:.0f} MB/s, reads {speed.read / _MB:.0f} MB/s,"
        f" makes a small write safe in {speed.sync * 1000:.1f} ms"
    )
    numbers = {
        "write_bytes_per_s": round(speed.write),
        "read_bytes_per_s": round(speed.read),
        "sync_s": round(speed.sync, 6),
    }
    if speed.write < _SLOW_WRITE or speed.sync > _SLOW_SYNC:
        return warning(seen, "give a folder on a faster disk with --spool", **numbers)
    return ok(seen, **numbers)
