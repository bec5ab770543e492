"""How far the task of a child is, and whether it waits."""

import asyncio
from collections.abc import Callable
from dataclasses import replace

from agent.model.ids import Seconds
from agent.model.work import GoOn, Progress, StepBack, SteppedBack

PAUSED = Progress(0.0, "paused", is_paused=True)
_NO_LIMIT = Seconds(float("inf"))


class Steps:
    """Of one task. While it waits, nobody expects a sign of life."""

    def __init__(
        self,
        on_progress: Callable[[Progress], None] = lambda _: None,
        stall_limit: Seconds = _NO_LIMIT,
    ) -> None:
        self._on_progress = on_progress
        self._stall_limit = stall_limit
        self._last = Progress(0.0, "")
        self._asked = 0
        self._is_back = False
        self._patience: asyncio.Timeout | None = None
        self.is_wanted = False

    def follow(self, patience: asyncio.Timeout) -> None:
        """The wait for the next frame, which may be without end."""
        self._patience = patience
        if self._is_back:
            patience.reschedule(None)

    def hear(self, frame: Progress | SteppedBack) -> None:
        match frame:
            case Progress():
                self._last = frame
                self._on_progress(frame)
            case SteppedBack(number) if self.is_wanted and number == self._asked:
                self._is_back = True
                self._on_progress(replace(PAUSED, fraction=self._last.fraction))
            case SteppedBack():
                pass  # It was told to go on before it had come so far.

    def step_back(self) -> StepBack:
        self.is_wanted = True
        self._asked += 1
        return StepBack(self._asked)

    def go_on(self) -> GoOn:
        self.is_wanted = False
        if self._is_back:
            self._is_back = False
            if self._patience is not None:
                now = asyncio.get_running_loop().time()
                self._patience.reschedule(now + self._stall_limit)
            self._on_progress(self._last)
        return GoOn()
