"""The box as the agent sees it: its GPUs, its health, and who keeps it from working."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from typing import TYPE_CHECKING

import structlog

from agent.compose.lending import clock_of
from agent.compose.patience import after_the_first_poll
from agent.config import Settings, hides_gpus, schedule_of, wants_a_gpu
from agent.edges.containers import passed_no_gpu
from agent.edges.nvml import Nvml, Sight
from agent.edges.probe import SystemProbe
from agent.edges.surroundings import Engine, Surroundings
from agent.model.errors import ConfigError
from agent.model.ids import Seconds
from agent.ports import Watch
from agent.runtime.agent import Agent

if TYPE_CHECKING:
    from agent.runtime.watching import Keepers

FIRST_POLL = 5.0
"""Seconds in which it goes out where the server is there."""


def nvml_of(settings: Settings) -> Nvml | None:
    return Nvml() if settings.gpu else None


def probe_of(settings: Settings, nvml: Nvml | None) -> SystemProbe:
    age = Seconds(settings.health_interval_s)
    return SystemProbe(settings.spool, nvml=nvml, health_max_age=age)


def tell_of_missed_gpu(settings: Settings, sight: Sight, environ: Mapping[str, str]) -> None:
    """Engines are silent about it, and computing on the processor works, only slowly."""
    engine = Surroundings().engine
    if (missed := missed_gpu(settings, sight, environ, engine)) is not None:
        structlog.get_logger(__name__).error("gpu.missing", reason=missed)


def missed_gpu(
    settings: Settings, sight: Sight, environ: Mapping[str, str], engine: Engine | None
) -> str | None:
    """What to do about a container without the GPU that it was meant to have."""
    if engine is None or sight.gpus or not wants_a_gpu(settings, environ):
        return None
    return passed_no_gpu(engine)


def refuse_without_gpu(settings: Settings, sight: Sight, environ: Mapping[str, str]) -> None:
    """Raises `ConfigError`: nobody notices an agent that computes on the processor instead."""
    reason = sight.reason
    if sight.gpus:
        reason = "CUDA_VISIBLE_DEVICES names none" if hides_gpus(environ) else None
    if settings.gpu_require and reason is not None:
        raise ConfigError(
            f"gpu.require is on, and no GPU can be used: {reason};"
            " mend that, or start with --no-require-gpu"
        )


def watch_of(settings: Settings, nvml: Nvml | None) -> Watch:
    """The owner is looked for only where it matters: asking costs a process."""
    # Imported here, as in `keepers_of`: the first poll does not wait for who watches the box.
    from agent.edges.owner import Owner
    from agent.edges.watch import BoxWatch

    owner = Owner() if settings.guest_yield == "when_idle" else None
    return BoxWatch(nvml, owner=owner, wants_programs=bool(settings.guest_programs))


async def watch(settings: Settings, nvml: Nvml | None, agent: Agent) -> None:
    # A server may be away for days: the owner has the box all the same, and can look at it.
    with suppress(TimeoutError):
        async with asyncio.timeout(FIRST_POLL):
            await after_the_first_poll(agent)
    from agent.runtime.watching import Watching

    clock, hours = clock_of(settings), schedule_of(settings).compute
    watching = Watching(
        watch_of(settings, nvml),
        keepers_of(settings),
        clock,
        agent.board.restrain,
        is_computing=lambda: agent.board.is_computing,
        is_within_hours=lambda: None if hours is None else hours.is_open(clock.wall_now()),
    )
    await watching.run()


def keepers_of(settings: Settings) -> "Keepers":
    from agent.config.guest import guest_policy, power_policy
    from agent.core.guest import Guest
    from agent.core.power import Power
    from agent.core.presence import Presence
    from agent.runtime.watching import Keepers

    return Keepers(
        guest=Guest(guest_policy(settings)),
        presence=Presence(is_required=settings.gpu_require),
        power=Power(power_policy(settings)),
    )
