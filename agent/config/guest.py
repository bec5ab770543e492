"""What the owner decided about sharing the box, for the keepers that watch over it."""

from agent.config.settings import Settings
from agent.core.foreign_use import GB, GuestPolicy, Mode
from agent.core.power import PowerPolicy
from agent.model.ids import Bytes, Seconds


def guest_policy(settings: Settings) -> GuestPolicy:
    return GuestPolicy(
        mode=Mode(settings.guest_yield),
        idle=Seconds(settings.guest_idle_min * 60.0),
        memory=Bytes(int(settings.guest_memory_gb * GB)),
        utilisation_percent=settings.guest_utilisation_percent,
        programs=settings.guest_programs,
        ignore=settings.guest_ignore,
        quiet=Seconds(settings.guest_quiet_s),
        hand_back_after=Seconds(settings.guest_hand_back_after_s),
    )


def power_policy(settings: Settings) -> PowerPolicy:
    return PowerPolicy(
        max_temperature_c=settings.gpu_max_temperature_c,
        max_watts=settings.gpu_max_power_w,
        works_on_battery=settings.guest_on_battery == "work",
    )
