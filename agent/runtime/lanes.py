"""The link as its owner lends it: paced, counted, and shut in some hours."""

import asyncio
from collections.abc import Callable

from agent.core.pacing import Pacer
from agent.model.errors import JobReturnedError
from agent.model.ids import Bytes, Instant, Seconds
from agent.model.restraint import Restraint
from agent.ports import FREE_PIECE, Clock
from agent.runtime.race import first_of
from agent.runtime.traffic import Traffic

PATIENCE = Seconds(5 * 60.0)
"""How long an input waits for a shut link; a job that would wait for longer goes to another box."""


class Gate:
    """Whether anything may be transferred; both lanes go through it."""

    def __init__(self) -> None:
        self._shut: Restraint | None = None
        self._changed = asyncio.Event()

    @property
    def shut(self) -> Restraint | None:
        return self._shut

    def set(self, restraint: Restraint | None) -> None:
        if restraint != self._shut:
            self._shut = restraint
            self._changed.set()
            self._changed = asyncio.Event()

    async def change(self) -> None:
        await self._changed.wait()


class LentLane:
    """The `Lane` port within the owner's limits."""

    def __init__(
        self,
        clock: Clock,
        gate: Gate,
        *,
        pacer: Pacer | None,
        on_bytes: Callable[[int], None],
        patience: Seconds | None = None,
    ) -> None:
        """`patience`: how long it may be shut for a job that goes back else; None: for ever."""
        self._clock = clock
        self._gate = gate
        self._pacer = pacer
        self._on_bytes = on_bytes
        self._patience = patience

    @property
    def piece(self) -> Bytes:
        return self._pacer.piece if self._pacer else FREE_PIECE

    @property
    def closed(self) -> str | None:
        return self._gate.shut.why if self._gate.shut else None

    async def enter(self) -> None:
        entered = Instant(self._clock.now())
        while (shut := self._gate.shut) is not None:
            if self._patience is None:
                await self._gate.change()
            else:
                await self._wait_a_little(shut, Instant(entered + self._patience))

    async def carry(self, size: int) -> Seconds:
        self._on_bytes(size)
        if self._pacer is None:
            return Seconds(0.0)
        began = self._clock.now()
        # In pieces, so that transfers with large chunks and with small ones get the same.
        for at in range(0, size, self._pacer.piece):
            piece = min(self._pacer.piece, size - at)
            await self._clock.sleep_until(self._pacer.reserve(piece, self._clock.now()))
        return Seconds(self._clock.now() - began)

    async def _wait_a_little(self, shut: Restraint, deadline: Instant) -> None:
        now = self._clock.now()
        if shut.until is None or shut.until > deadline or now >= deadline:
            left = None if shut.until is None else Seconds(max(0.0, shut.until - now))
            raise JobReturnedError(shut.why, retry_after=left)
        await first_of(self._gate.change(), self._clock.sleep_until(deadline))


class Link:
    """Both lanes behind one gate."""

    def __init__(
        self, clock: Clock, traffic: Traffic, *, max_down: int | None, max_up: int | None
    ) -> None:
        """Limits in bytes a second."""
        self.gate = Gate()
        self.down = LentLane(
            clock,
            self.gate,
            pacer=None if max_down is None else Pacer(max_down),
            on_bytes=traffic.on_down,
            patience=PATIENCE,
        )
        # A finished result waits for as long as it takes: its lease goes on.
        self.up = LentLane(
            clock,
            self.gate,
            pacer=None if max_up is None else Pacer(max_up),
            on_bytes=traffic.on_up,
        )
