"""How far each GPU of the box steps back, of all that keeps it from working.

The highest rung counts, GPU by GPU. What holds for every one of them holds for the box. Where
the box is to take nothing, it finishes what it holds; where a GPU is, no job begins on it.
"""

from collections.abc import Collection, Mapping

from agent.model.ids import Instant
from agent.model.restraint import Restraint, Rung
from agent.model.stance import AT_WORK, Stance, Step


def stance_of(
    restraints: Collection[Restraint],
    devices: Collection[str | None],
    names: Mapping[str, str],
    now: Instant,
) -> Stance:
    """`devices` are those that tasks are computed on, `names` theirs by UUID.

    A restraint about GPUs that are none of ours is none, and so is one whose time is over. Of two
    on the same rung the first is told.
    """
    about = [
        (_devices_of(restraint, devices, names), restraint)
        for restraint in restraints
        if _is_in_force(restraint, now)
    ]
    return Stance(
        {
            device: _highest([restraint for whom, restraint in about if device in whom])
            for device in devices
        }
    )


def _is_in_force(restraint: Restraint, now: Instant) -> bool:
    return restraint.until is None or now < restraint.until


def _devices_of(
    restraint: Restraint, devices: Collection[str | None], names: Mapping[str, str]
) -> Collection[str | None]:
    if restraint.devices is None:
        return devices
    return {names[uuid] for uuid in restraint.devices if uuid in names}


def _highest(restraints: Collection[Restraint]) -> Step:
    top = max(restraints, key=lambda restraint: restraint.rung, default=None)
    if top is None or top.rung is Rung.WORK:
        return AT_WORK
    finishes = all(
        restraint.rung is Rung.TAKE_NOTHING and restraint.devices is None
        for restraint in restraints
    )
    return Step(top.rung, top.why, top.told, finishes)
