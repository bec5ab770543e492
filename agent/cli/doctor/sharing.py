"""Whether the terms on which the owner shares the box fit together: hours, link, guest, limits."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from agent.cli.doctor.check import Odd
from agent.config import Settings, quotas_of, schedule_of
from agent.core.hours import WHOLE_WEEK, WeeklyHours
from agent.pipelines.trials.driver import Card

_GB = 10**9
_HOUR = 3600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What the terms are held against."""

    cards: Sequence[Card] = ()
    is_owner_known: bool = True
    """Something tells whether somebody is at the box."""


def sharing_oddities(settings: Settings, shared: Shared) -> Iterator[Odd]:
    yield from _about_hours(settings)
    yield from _about_the_link(settings)
    yield from _about_the_guest(settings, shared)
    yield from _about_heat(settings, shared.cards)


def _about_hours(settings: Settings) -> Iterator[Odd]:
    schedule = schedule_of(settings)
    open_ = _minutes(schedule.compute) & _minutes(schedule.network)
    quiet = schedule.quiet.minutes if schedule.quiet else frozenset[int]()
    if not open_:
        yield (
            "schedule.compute and schedule.network never overlap, so no job is ever taken",
            "let them overlap: a job is taken only while both are open",
        )
    elif open_ <= quiet:
        yield (
            "schedule.quiet covers all the hours in which jobs are taken, so none ever is",
            "make schedule.quiet shorter, or move it",
        )


def _minutes(hours: WeeklyHours | None) -> frozenset[int]:
    return WHOLE_WEEK if hours is None else hours.minutes


def _about_the_link(settings: Settings) -> Iterator[Odd]:
    largest, quotas = settings.max_file_size, quotas_of(settings)
    for name, quota in (("quota_daily", quotas.daily), ("quota_monthly", quotas.monthly)):
        most = min((one for one in (quota.both, quota.down) if one is not None), default=largest)
        if most < largest:
            seen = (
                f"network.{name} lets {_in_gb(most)} come, and limits.max_file_size is"
                f" {_in_gb(largest)}: no input between the two is ever taken"
            )
            yield seen, f"lower limits.max_file_size, or raise network.{name}"
    takes = largest / settings.max_download / _HOUR if settings.max_download else 0.0
    longest = settings.download_timeout_min * 60.0 / _HOUR
    if takes > longest:
        seen = (
            f"an input of limits.max_file_size, {_in_gb(largest)}, takes {takes:.1f} h at"
            f" network.max_download, and limits.download_timeout_min hands it back after"
            f" {longest:.1f} h"
        )
        yield seen, "lower limits.max_file_size, or raise one of the other two"


def _about_the_guest(settings: Settings, shared: Shared) -> Iterator[Odd]:
    mode = settings.guest_yield
    if mode == "when_idle" and not shared.is_owner_known:
        seen = "guest.yield is when_idle, and nobody tells whether somebody is at this box"
        yield f"{seen}: other programs alone decide", "set guest.yield to always, or agree on hours"
    if mode == "on_schedule" and not settings.compute_hours:
        yield (
            "guest.yield is on_schedule, and no hours are agreed: it is the same as always",
            "name the hours that are the agent's in schedule.compute",
        )
    if mode == "never" and settings.guest_programs:
        yield (
            "guest.programs names programs, and guest.yield is never: they do not count",
            "set guest.yield to always, or leave guest.programs out",
        )


def _about_heat(settings: Settings, cards: Sequence[Card]) -> Iterator[Odd]:
    limit = settings.gpu_max_temperature_c
    slows_at = min((one.slows_at_c for one in cards if one.slows_at_c), default=None)
    if limit is not None and slows_at is not None and limit >= slows_at:
        yield (
            f"gpu.max_temperature_c is {limit:g}, and a GPU slows itself down at {slows_at}",
            f"set it well below {slows_at}: the card hardly gets hotter than that",
        )


def _in_gb(size: int) -> str:
    return f"{size / _GB:g} GB"
