"""Are the GPUs there that we counted on, and is there room on them for a model.

    never seen --seen--> there --gone--> lost --seen--> there
                          there --no room, twice--> full --room--> there

A lost GPU keeps new work away from itself; what computes on it fails by itself, and is another
keeper's matter. Where a GPU is required, none at all keeps new work away from the whole box. Until
one was ever seen, a box without a GPU is simply one that computes on its processor.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.core.foreign_use import GB, in_words
from agent.model.gpu_state import GpuProcess, GpuState, Look, Missing, Trouble
from agent.model.ids import Bytes
from agent.model.restraint import Restraint, Rung

SMALLEST_ROOM = Bytes(10**9)
"""What a small model, its batch and a CUDA context take; with less there is no use in trying."""
LOOKS = 2
"""In a row that find no room: a program that ends frees its memory piece by piece."""
MOST_NAMED = 3
DISCREET = "a GPU has no room for a model"
"""Whose programs hold its memory is not the server's business."""


@dataclass(frozen=True, slots=True)
class Appeared:
    uuid: str
    label: str
    is_back: bool


@dataclass(frozen=True, slots=True)
class Lost:
    uuid: str
    label: str
    why: str


News = Appeared | Lost


class Presence:
    """Told every look; says what cannot be used and why, and what came and went."""

    def __init__(self, *, is_required: bool, room: Bytes = SMALLEST_ROOM) -> None:
        self._is_required = is_required
        self._room = room
        self._known: dict[str, str] = {}
        """Every GPU that was ever seen, with its label."""
        self._lost: dict[str, Missing] = {}
        self._crowded: dict[str, tuple[int, str]] = {}
        """How many looks in a row found no room, and who holds it."""
        self._why_none: str | None = None
        self._has_computed = False

    @property
    def restraints(self) -> Mapping[str | None, Restraint]:
        """By the UUID of the GPU; None is the whole box."""
        found: dict[str | None, Restraint] = {
            uuid: Restraint(
                rung=Rung.TAKE_NOTHING,
                why=one.why,
                told=DISCREET if one.trouble is Trouble.FULL else "",
                devices=frozenset({uuid}),
            )
            for uuid, one in self.missing.items()
        }
        if self._is_required and self._why_none is not None:
            why = f"a GPU is required: {self._why_none}"
            found[None] = Restraint(rung=Rung.TAKE_NOTHING, why=why)
        return found

    @property
    def missing(self) -> Mapping[str, Missing]:
        full = {
            uuid: Missing(trouble=Trouble.FULL, why=why, uuid=uuid)
            for uuid, (looks, why) in self._crowded.items()
            if looks >= LOOKS
        }
        return full | self._lost

    def on_look(self, look: Look, *, is_computing: bool) -> tuple[News, ...]:
        self._has_computed |= is_computing
        seen = {state.uuid: state for state in look.sight.gpus}
        first = look.sight.missing[0] if look.sight.missing else None
        self._why_none = first.why if first is not None and not seen else None
        news = (*self._appeared(seen), *self._gone(seen, look))
        self._crowded = {
            uuid: (self._crowded.get(uuid, (0, ""))[0] + 1, why)
            for uuid, state in seen.items()
            if (why := self._crowd(state, look)) is not None
        }
        return news

    def _appeared(self, seen: Mapping[str, GpuState]) -> list[News]:
        news: list[News] = []
        for uuid, state in seen.items():
            if uuid not in self._known or uuid in self._lost:
                label = f"GPU {state.index}, {state.name}"
                news.append(Appeared(uuid, label, is_back=uuid in self._known))
                self._known[uuid] = label
                self._lost.pop(uuid, None)
        return news

    def _gone(self, seen: Mapping[str, GpuState], look: Look) -> list[News]:
        news: list[News] = []
        for uuid, label in self._known.items():
            if uuid in seen:
                continue
            reason = _reason(uuid, look)
            if uuid not in self._lost:
                news.append(Lost(uuid, label, reason.why))
            self._lost[uuid] = reason
        return news

    def _crowd(self, state: GpuState, look: Look) -> str | None:
        """Who leaves us no room, or None where there is some, or where it may be us."""
        if state.free is None or state.memory is None or state.free >= self._room:
            return None
        is_telling = look.are_pids_ours_to_read and state.processes is not None
        if not is_telling:
            return None if self._has_computed else _crowded(state, self._room, ())
        ours = [one for one in state.processes or () if one.pid in look.own_pids]
        if any(one.memory is None for one in ours):
            return None
        if state.free + sum(one.memory or 0 for one in ours) >= self._room:
            return None
        others = [one for one in state.processes or () if one.pid not in look.own_pids]
        return _crowded(state, self._room, others)


def _crowded(state: GpuState, room: Bytes, others: "list[GpuProcess] | tuple[()]") -> str:
    largest = sorted(others, key=lambda one: -(one.memory or 0))[:MOST_NAMED]
    holders = (
        ", ".join(in_words(one) for one in largest) or "programs that cannot be seen from here"
    )
    return (
        f"GPU {state.index} has {(state.free or 0) / GB:.1f} of {(state.memory or 0) / GB:.1f} GB"
        f" free and a model needs {room / GB:.1f} GB; its memory is held by {holders}"
    )


def _reason(uuid: str, look: Look) -> Missing:
    """What was said about this GPU, or else about them all."""
    about = look.sight.missing
    return next(
        (one for one in about if one.uuid == uuid),
        next(
            (one for one in about if one.uuid is None),
            Missing(trouble=Trouble.LOST, why="the driver lists this GPU no more", uuid=uuid),
        ),
    )
