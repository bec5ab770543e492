"""The terms on which the owner lends the box and its link."""

from datetime import tzinfo

from agent.config import Settings, quotas_of, schedule_of
from agent.edges.clock import SystemClock
from agent.edges.http import Sockets
from agent.edges.keepalive import keep_alive
from agent.edges.lanes import Limits, Socket
from agent.edges.metered import Metered
from agent.edges.notebook import DiskNotebook
from agent.model.ids import Bytes, Seconds
from agent.ports import Clock, Introduction
from agent.runtime.foresight import Bounds, Foresight
from agent.runtime.lending import Lending, LendingTerms

TRAFFIC, HISTORY = "traffic.json", "history.json"


def clock_of(settings: Settings) -> SystemClock:
    return SystemClock(_zone(settings))


def lending_of(settings: Settings, clock: Clock) -> Lending:
    terms = LendingTerms(
        schedule=schedule_of(settings),
        quotas=quotas_of(settings),
        max_down=settings.max_download,
        max_up=settings.max_upload,
        is_metered=Metered().is_metered if settings.on_metered == "stop" else None,
    )
    return Lending(terms, _notebook(settings, TRAFFIC), clock)


def foresight_of(settings: Settings, who: Introduction, clock: Clock) -> Foresight:
    bounds = bounds_of(settings, who)
    return Foresight(schedule_of(settings), bounds, _notebook(settings, HISTORY), clock)


def bounds_of(settings: Settings, who: Introduction) -> Bounds:
    return Bounds(
        slots=who.slots,
        content_types=who.content_types,
        max_input=Bytes(settings.max_file_size),
        task_timeout=Seconds(settings.task_timeout_min * 60.0),
        slowest_link=1 / settings.max_download if settings.max_download else 0.0,
    )


def sockets_of(settings: Settings, *, are_silent_for_long: bool = False) -> Sockets:
    limits = Limits(down=settings.max_download, up=settings.max_upload)

    def prepare(connection: Socket) -> None:
        limits.apply(connection)
        if are_silent_for_long:
            keep_alive(connection)

    is_plain = limits == Limits() and not are_silent_for_long
    return Sockets(on_connect=None if is_plain else prepare)


def _zone(settings: Settings) -> tzinfo | None:
    """None: the box's own."""
    if not settings.timezone:
        return None
    # Most owners name none: their agent starts without it.
    from zoneinfo import ZoneInfo

    return ZoneInfo(settings.timezone)


def _notebook(settings: Settings, name: str) -> DiskNotebook:
    return DiskNotebook(settings.spool / name)
