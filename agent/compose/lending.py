"""The owner's terms: hours, limits of the link, quotas, and what is done before quiet hours."""

from datetime import tzinfo

from agent.config import Settings, quotas_of, schedule_of
from agent.edges.lanes import Limits
from agent.edges.metered import Metered
from agent.edges.notebook import DiskNotebook
from agent.model.ids import Bytes, Seconds
from agent.ports import Clock, Introduction
from agent.runtime.foresight import Bounds, Foresight
from agent.runtime.lending import Lending, LendingTerms

TRAFFIC, HISTORY = "traffic.json", "history.json"


def zone_of(settings: Settings) -> tzinfo | None:
    """None: the box's own."""
    if not settings.timezone:
        return None
    # Most owners name none: their agent starts without it.
    from zoneinfo import ZoneInfo

    return ZoneInfo(settings.timezone)


def lending_of(settings: Settings, clock: Clock) -> Lending:
    terms = LendingTerms(
        schedule=schedule_of(settings),
        quotas=quotas_of(settings),
        max_down=settings.max_download,
        max_up=settings.max_upload,
        is_metered=Metered().is_metered if settings.on_metered == "stop" else None,
    )
    return Lending(terms, _notebook(settings, TRAFFIC), clock)


async def foresight_of(settings: Settings, who: Introduction, clock: Clock) -> Foresight:
    bounds = Bounds(
        slots=who.slots,
        content_types=who.content_types,
        max_input=Bytes(settings.max_file_size),
        task_timeout=Seconds(settings.task_timeout_min * 60.0),
        slowest_link=1 / settings.max_download if settings.max_download else 0.0,
    )
    foresight = Foresight(schedule_of(settings), bounds, _notebook(settings, HISTORY), clock)
    await foresight.load()
    return foresight


def limits_of(settings: Settings) -> Limits:
    return Limits(down=settings.max_download, up=settings.max_upload)


def _notebook(settings: Settings, name: str) -> DiskNotebook:
    return DiskNotebook(settings.spool / name)
