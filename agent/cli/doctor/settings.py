"""Whether the settings fit together, and whether they fit this box."""

import os
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from agent.cli.doctor.check import (
    Check,
    Finding,
    Group,
    Odd,
    error,
    not_applicable,
    ok,
    unknown,
    warning,
)
from agent.cli.doctor.patient import Patient
from agent.cli.doctor.sharing import Shared, sharing_oddities
from agent.config import Loaded, Settings, agent_token, agent_token_if_any, slots_on
from agent.edges.mounts import existing
from agent.model.errors import ConfigError
from agent.model.hardware import Hardware
from agent.pipelines.trials.driver import Driver

_GRACE_OF_CONTAINERS = 10.0
"""Seconds between SIGTERM and SIGKILL that engines give by default."""
_GB = 10**9
_PLAIN = Shared()


def settings_checks(patient: Patient) -> Iterator[Check]:
    yield Check(
        group=Group.SETTINGS, name="settings", look=lambda: settings_finding(patient.loaded)
    )
    yield Check(group=Group.SETTINGS, name="token", look=lambda: token_finding(patient.settings))
    yield Check(group=Group.SETTINGS, name="sense", look=partial(_sense, patient), deadline=20)


def settings_finding(loaded: Loaded) -> Finding:
    # Wrong settings end the command before this.
    where = str(loaded.file or "no file; defaults, environment and flags")
    if loaded.warnings:
        return warning("; ".join(loaded.warnings), f"change it in {where}")
    changed = sum(origin != "default" for origin in loaded.origins.values())
    return ok(f"{where}; {changed} changed from their defaults", changed=changed)


def token_finding(settings: Settings) -> Finding:
    """Whether there is one; that others can read its file is among the warnings of `settings`."""
    is_named = settings.token_file is not None or settings.token is not None
    try:
        if settings.server_dialect == "morag" and agent_token_if_any(settings) is None:
            return not_applicable("there is none, and a MoRAG may ask for none: see `access`")
        agent_token(settings)
    except ConfigError as trouble:
        seen, _, advice = str(trouble).partition(": ")
        usual = f"python -m agent token create --agent {settings.agent_id} --out FILE"
        advice = advice or f"make one at the server: {usual}"
        if is_named or settings.server_dialect == "native":
            return error(seen, advice)
        also = "; or set server.dialect to morag, if that server is a MoRAG that asks for none"
        return unknown(f"{seen}; `access` says whether the server asks for one", advice + also)
    return ok(
        f"from {settings.token_file}"
        if settings.token_file
        else "there is one, in no file of its own"
    )


def _sense(patient: Patient) -> Finding:
    settings, driver = patient.settings, patient.driver() if patient.settings.gpu else None
    shared = Shared(
        cards=driver.cards if isinstance(driver, Driver) else (),
        # Asking costs a process.
        is_owner_known=settings.guest_yield != "when_idle" or patient.is_owner_known,
    )
    return sense_finding(settings, patient.hardware(), patient.container, shared)


def sense_finding(
    settings: Settings, hardware: Hardware, container: str | None, shared: Shared = _PLAIN
) -> Finding:
    odd = [*oddities(settings, hardware, container), *sharing_oddities(settings, shared)]
    if not odd:
        return ok("they fit together, and they fit this box")
    return warning("; ".join(seen for seen, _ in odd), "; ".join(advice for _, advice in odd))


def oddities(settings: Settings, hardware: Hardware, container: str | None) -> Iterator[Odd]:
    yield from _about_gpus(settings, hardware)
    yield from _about_room(settings, hardware)
    if container and settings.stop_grace_s >= _GRACE_OF_CONTAINERS:
        grace, usual = settings.stop_grace_s, _GRACE_OF_CONTAINERS
        yield (
            f"limits.stop_grace_s is {grace:g}, and containers are ended after {usual:g} s",
            "give it a longer stop timeout (--stop-timeout), or lower the grace",
        )
    if settings.allow_web_fetch and settings.allow_private_addresses:
        yield (
            "senders of jobs can have pages of your own network read to them",
            "set web.allow_private_addresses to false",
        )


def _about_gpus(settings: Settings, hardware: Hardware) -> Iterator[Odd]:
    slots, gpus = slots_on(settings, hardware), hardware.gpus
    if settings.device == "cuda" and not settings.gpu:
        yield "speech.device is cuda, and gpu.enabled is off", "choose one of the two"
    if settings.gpu and gpus and slots > 2 * len(gpus):
        yield (
            f"{slots} slots share {len(gpus)} GPU(s), where they wait for each other",
            f"set agent.slots to {len(gpus)}, or to auto",
        )
    limit = settings.gpu_memory_limit_gb
    smallest = min((gpu.memory for gpu in gpus), default=None)
    if limit is not None and smallest is not None and limit * _GB > smallest:
        yield (
            f"gpu.memory_limit_gb is {limit:g}, and a GPU has {smallest / _GB:.1f} GB",
            "lower it, or leave it out",
        )


def _about_room(settings: Settings, hardware: Hardware) -> Iterator[Odd]:
    slots, cores = slots_on(settings, hardware), hardware.cpu_cores
    if settings.threads * slots > cores:
        yield (
            f"{slots} slot(s) of {settings.threads} threads run on {cores} cores",
            "lower speech.threads, or leave it at 0",
        )
    largest = settings.spool_reserve + settings.max_file_size
    if hardware.disk_free < largest:
        wanted, free = settings.max_file_size / _GB, hardware.disk_free / _GB
        yield (
            f"limits.max_file_size is {wanted:.1f} GB, and {free:.1f} GB are free for the spool",
            "free some space, or lower it: the server offers what is too large for this box",
        )
    log = settings.log_file
    if log is not None and not _takes(log):
        yield f"log.file {log} cannot be written", "name another, or leave it out"


def _takes(file: Path) -> bool:
    return existing(file.parent).is_dir() and os.access(existing(file), os.W_OK)
