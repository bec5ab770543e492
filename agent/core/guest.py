"""When to step back for the owner: a guest on the box, who does not wait to be asked.

    look ──> foreign use of each GPU ──> a ladder for each ─┐
         ──> a chosen program runs ────> a ladder ──────────┼──> restraints
         ──> the owner is at the box ──> a ladder ──────────┘

`core/foreign_use.py` says who counts, `core/ladder.py` how we step back and return. One GPU in use
leaves the others working. The owner's presence matters with `when_idle` only: whoever touches the
box has it, and gets it back for as long as it was agreed; where nobody can tell whether the owner
is there, other programs alone decide. With `on_schedule` the agreed hours are ours, and nothing
makes us yield in them; outside of them, and without any, it is as with `always`.
"""

from collections.abc import Iterator, Mapping

from agent.core.foreign_use import Calm, GuestPolicy, Mode, Seen, foreign_use, matches
from agent.core.ladder import Ladder
from agent.model.gpu_state import GpuState, Look
from agent.model.ids import Instant, Seconds
from agent.model.restraint import Restraint, Rung

DISCREET = "the owner, or a foreign program, uses the box"
"""Which programs an owner runs is not the server's business."""
NO_WAIT = Seconds(0.0)
"""An owner who was away for as long as was agreed is not waited for again."""


class Guest:
    """Told every look at the box and the time; says where to step back, how far, and why."""

    def __init__(self, policy: GuestPolicy) -> None:
        self._policy = policy
        self._gpus: dict[str, _Gpu] = {}
        self._programs = _Box(policy, policy.quiet)
        self._owner = _Box(policy, NO_WAIT)
        self._was_computing = False
        self.is_owner_unknown = False
        """Their presence matters, and nobody can tell it."""

    @property
    def restraints(self) -> Mapping[str | None, Restraint]:
        """By the UUID of the GPU; None is the whole box."""
        found = {uuid: gpu.restraint for uuid, gpu in self._gpus.items()}
        box = max(
            (one for one in (self._programs.restraint, self._owner.restraint) if one is not None),
            key=lambda one: one.rung,
            default=None,
        )
        kept: dict[str | None, Restraint] = {
            uuid: one for uuid, one in found.items() if one is not None
        }
        return kept if box is None else kept | {None: box}

    @property
    def next_wakeup(self) -> Instant | None:
        return min((due for one in self._ladders() if (due := one.next_wakeup)), default=None)

    def on_look(
        self, look: Look, now: Instant, *, is_computing: bool, is_within_hours: bool | None = None
    ) -> None:
        """`is_computing`: some job of ours is; a paused one computes nothing.

        `is_within_hours`: None where none were agreed.
        """
        recently, self._was_computing = is_computing or self._was_computing, is_computing
        mode = self._policy.mode
        if mode is Mode.NEVER or (mode is Mode.ON_SCHEDULE and is_within_hours):
            self._forget_everything()
            return
        if look.is_blind:
            for ladder in self._ladders():
                ladder.on_blind()
            return
        self._forget_gone(look)
        for state in look.sight.gpus:
            gpu = self._gpus.setdefault(state.uuid, _Gpu(state, self._policy))
            gpu.on_look(_seen(state, look, is_computing=recently), now)
        self._look_at_box(look, now)

    def on_wakeup(self, now: Instant) -> None:
        for ladder in self._ladders():
            ladder.on_wakeup(now)

    def _look_at_box(self, look: Look, now: Instant) -> None:
        chosen = (one for one in look.programs if matches(one, self._policy.programs))
        name = min(chosen, default=None)
        self._programs.on_look(None if name is None else f"{name} is running", now)
        idle = look.host.owner_idle
        matters = self._policy.mode is Mode.WHEN_IDLE
        self.is_owner_unknown = matters and idle is None
        is_here = matters and idle is not None and idle < self._policy.idle
        self._owner.on_look("somebody is at this box" if is_here else None, now)

    def _forget_gone(self, look: Look) -> None:
        seen = {state.uuid for state in look.sight.gpus}
        self._gpus = {uuid: gpu for uuid, gpu in self._gpus.items() if uuid in seen}

    def _forget_everything(self) -> None:
        self._gpus.clear()
        self._programs = _Box(self._policy, self._policy.quiet)
        self._owner = _Box(self._policy, NO_WAIT)

    def _ladders(self) -> Iterator[Ladder]:
        yield from (gpu.ladder for gpu in self._gpus.values())
        yield from (self._programs.ladder, self._owner.ladder)


class _Gpu:
    def __init__(self, state: GpuState, policy: GuestPolicy) -> None:
        self._policy = policy
        self._label = f"GPU {state.index}"
        self._uuid = state.uuid
        self._calm = Calm()
        self._who = ""
        self.ladder = _ladder(policy, policy.quiet)

    def on_look(self, seen: Seen, now: Instant) -> None:
        who = foreign_use(seen, self._policy, self._calm, now)
        if who is None:
            self.ladder.on_quiet(now)
        else:
            self._who = who
            self.ladder.on_asked(now)

    @property
    def restraint(self) -> Restraint | None:
        if self.ladder.rung is Rung.WORK:
            return None
        is_over = self.ladder.back_at is not None
        return Restraint(
            rung=self.ladder.rung,
            why=(
                f"{self._label} {'was' if is_over else 'is'} used by {self._who};"
                f" back after {_in_words(self._policy.quiet)}"
            ),
            told=DISCREET,
            until=self.ladder.back_at,
            devices=frozenset({self._uuid}),
        )


class _Box:
    """What is about no GPU in particular."""

    def __init__(self, policy: GuestPolicy, quiet: Seconds) -> None:
        self._back = (
            f"back after {_in_words(quiet)}"
            if quiet
            else f"back when nobody has touched it for {policy.idle / 60:g} min"
        )
        self._why = ""
        self.ladder = _ladder(policy, quiet)

    def on_look(self, why: str | None, now: Instant) -> None:
        if why is None:
            self.ladder.on_quiet(now)
        else:
            self._why = why
            self.ladder.on_asked(now)

    @property
    def restraint(self) -> Restraint | None:
        if self.ladder.rung is Rung.WORK:
            return None
        return Restraint(
            rung=self.ladder.rung,
            why=f"{self._why}; {self._back}",
            told=DISCREET,
            until=self.ladder.back_at,
        )


def _ladder(policy: GuestPolicy, quiet: Seconds) -> Ladder:
    return Ladder(quiet=quiet, hand_back_after=policy.hand_back_after)


def _seen(state: GpuState, look: Look, *, is_computing: bool) -> Seen:
    return Seen(
        state=state,
        own_pids=look.own_pids,
        are_pids_ours_to_read=look.are_pids_ours_to_read,
        is_computing=is_computing,
    )


def _in_words(quiet: Seconds) -> str:
    return "a quiet minute" if quiet == 60.0 else f"{quiet:g} quiet seconds"  # noqa: PLR2004
