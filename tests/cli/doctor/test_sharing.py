from dataclasses import replace

import pytest

from agent.cli.doctor.check import Verdict
from agent.cli.doctor.settings import settings_checks
from agent.cli.doctor.sharing import Shared, sharing_oddities
from agent.config import Settings
from tests.cli.doctor.patients import CARD, WORKS, patient

PLAIN = Shared()
HOT = replace(CARD, slows_at_c=93)


def oddities(settings: dict[str, object], shared: Shared = PLAIN) -> list[str]:
    odd = list(sharing_oddities(Settings.model_validate(settings), shared))
    assert all(advice for _, advice in odd)
    return [seen for seen, _ in odd]


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"compute_hours": "daily 22:00-07:00", "network_hours": "daily 00:00-05:00"},
        {"compute_hours": "daily 20:00-23:00", "quiet_hours": "daily 22:00-07:00"},
        {"quiet_hours": "mon-fri all day"},
        {"quota_daily": "20 GB", "quota_monthly": "15 GB down, 1 GB up"},
        {"max_download": "16 Mbit/s"},
        {"guest_yield": "when_idle"},
        {"guest_yield": "on_schedule", "compute_hours": "daily 22:00-07:00"},
        {"guest_yield": "never"},
        {"gpu_max_temperature_c": 80},
    ],
)
def test_terms_that_fit_are_not_odd(settings: dict[str, object]) -> None:
    assert oddities(settings, Shared(cards=(HOT,))) == []


@pytest.mark.parametrize(
    ("settings", "seen"),
    [
        (
            {"compute_hours": "mon-fri 22:00-07:00", "network_hours": "sat,sun 09:00-20:00"},
            "schedule.compute and schedule.network never overlap, so no job is ever taken",
        ),
        (
            {"quiet_hours": "all day"},
            "schedule.quiet covers all the hours in which jobs are taken, so none ever is",
        ),
        (
            {"compute_hours": "sun 23:00-03:00", "quiet_hours": "daily 22:00-07:00"},
            "schedule.quiet covers all the hours in which jobs are taken, so none ever is",
        ),
        (
            {"quota_daily": "5 GB"},
            (
                "network.quota_daily lets 5 GB come, and limits.max_file_size is 10 GB:"
                " no input between the two is ever taken"
            ),
        ),
        (
            {"quota_monthly": "100 GB, 9.5 GB down"},
            (
                "network.quota_monthly lets 9.5 GB come, and limits.max_file_size is 10 GB:"
                " no input between the two is ever taken"
            ),
        ),
        (
            {"max_download": "100 KB/s"},
            (
                "an input of limits.max_file_size, 10 GB, takes 27.8 h at network.max_download,"
                " and limits.download_timeout_min hands it back after 12.0 h"
            ),
        ),
        (
            {"guest_yield": "on_schedule"},
            "guest.yield is on_schedule, and no hours are agreed: it is the same as always",
        ),
        (
            {"guest_yield": "never", "guest_programs": ["blender*"]},
            "guest.programs names programs, and guest.yield is never: they do not count",
        ),
    ],
)
def test_each_contradiction_is_told_once(settings: dict[str, object], seen: str) -> None:
    assert oddities(settings) == [seen]


@pytest.mark.parametrize(("limit", "is_odd"), [(92, False), (93, True), (110, True)])
def test_a_limit_that_the_card_never_reaches_is_told(limit: int, *, is_odd: bool) -> None:
    found = oddities({"gpu_max_temperature_c": limit}, Shared(cards=(CARD, HOT)))

    told = f"gpu.max_temperature_c is {limit}, and a GPU slows itself down at 93"
    assert found == ([told] if is_odd else [])
    assert oddities({"gpu_max_temperature_c": limit}, Shared(cards=(CARD,))) == []


def test_an_owner_whom_nobody_sees_is_not_waited_for_in_vain() -> None:
    (seen,) = oddities({"guest_yield": "when_idle"}, Shared(is_owner_known=False))

    assert seen.startswith("guest.yield is when_idle, and nobody tells")
    assert oddities({}, Shared(is_owner_known=False)) == []


def test_what_the_box_shows_is_asked_for() -> None:
    hot = replace(WORKS, cards=(HOT,))
    settings = Settings(gpu_max_temperature_c=95, guest_yield="when_idle")
    who = patient(settings, hot)
    who.__dict__["is_owner_known"] = False

    (sense,) = (check for check in settings_checks(who) if check.name == "sense")
    finding = sense.look()

    assert finding.verdict is Verdict.WARNING
    assert "nobody tells" in finding.seen
    assert "slows itself down at 93" in finding.seen
