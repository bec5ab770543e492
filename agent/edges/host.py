"""What a look at the box shows beside its GPUs."""

from typing import TYPE_CHECKING

from agent.edges.power_supply import battery
from agent.model.gpu_state import HostState

if TYPE_CHECKING:  # at run time it comes with who watches the box, after the first poll
    from agent.edges.owner import Owner


def host_state(owner: "Owner | None") -> HostState:
    idle = None if owner is None else owner.idle()
    found = battery()
    if found is None:
        return HostState(owner_idle=idle)
    return HostState(is_on_battery=found.is_in_use, battery_percent=found.percent, owner_idle=idle)
