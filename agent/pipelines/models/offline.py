"""Whether anything may be fetched at all."""

import os

from agent.model.work import PipelineSettings


def is_offline(settings: PipelineSettings) -> bool:
    # Whoever set the variable that the hub's own tools obey means this agent, too.
    return settings.offline or os.environ.get("HF_HUB_OFFLINE", "0") not in ("", "0")  # noqa: TID251
