"""The loop that everything runs on: virtual time, threads that are none, machines that can freeze.

A `Machine` is a context: whatever is scheduled in it stands still while the machine sleeps, and
its timers, like the kernel's, do not count that time.
"""

import asyncio
import itertools
import selectors
from collections.abc import Callable, Coroutine, Iterator
from contextvars import Context, ContextVar, copy_context
from random import Random
from typing import Any, Self, TypeVar

from tests.virtual_time import EveryTaskBlockedError, JumpingSelector, VirtualTimeLoop

T = TypeVar("T")
_numbers: Iterator[int] = itertools.count()
_here: ContextVar["Machine"] = ContextVar("machine")
EARLY = 1e-6
"""A timer may fire this much before its time: the loop's own resolution, and rounding."""
TICK = 1e-4
"""What a round of the loop takes: who waits for the next instant in a circle must see it come."""


class Machine:
    """A box that can be suspended. Processes on it come and go."""

    def __init__(self, name: str, loop: "SimulationLoop", rng: Random) -> None:
        self.name = name
        self.slow_disk = 0.0
        """The longest that one call on the disk takes."""
        self.asleep = 0.0
        """Seconds suspended so far."""
        self._loop = loop
        self._rng = rng
        self._waiting: list[Callable[[], object]] = []
        self._since: float | None = None

    @property
    def is_suspended(self) -> bool:
        return self._since is not None

    def start(self, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """A task that lives on this machine, with all that it starts."""
        context = copy_context()
        context.run(_here.set, self)
        return self._loop.create_task(work, context=context)

    def suspend(self) -> None:
        self._since = self._since or self._loop.true_time()

    def resume(self) -> None:
        if self._since is None:
            return
        self.asleep += self._loop.true_time() - self._since
        self._since = None
        waiting, self._waiting = self._waiting, []
        for go_on in waiting:
            go_on()

    def time(self, true_time: float) -> float:
        return (self._since or true_time) - self.asleep

    def delay(self) -> float:
        return self._rng.uniform(0.0, self.slow_disk) if self.slow_disk else 0.0

    def run_soon(self, callback: Callable[..., object], args: tuple[Any, ...], at: Context) -> None:
        if self._since is None:
            callback(*args)
        else:
            self._waiting.append(lambda: self._loop.call_soon(callback, *args, context=at))

    def run_at(self, timer: "_Timer") -> None:
        if timer.handle is not None and timer.handle.cancelled():
            return
        if self._since is not None:
            self._waiting.append(lambda: self._loop.set_again(self, timer))
        elif self.time(self._loop.true_time()) < timer.when - EARLY:
            self._loop.set_again(self, timer)
        else:
            timer.callback(*timer.args)


class _Timer:
    """Set in a machine's own time."""

    def __init__(
        self, when: float, callback: Callable[..., object], args: tuple[Any, ...], at: Context
    ) -> None:
        self.when = when
        self.callback = callback
        self.args = args
        self.context = at
        self.handle: asyncio.TimerHandle | None = None


class _Task(asyncio.Task[Any]):
    """Sets of tasks are walked in the order of their numbers, not of their addresses."""

    def __new__(cls, *_args: Any, **_more: Any) -> Self:
        task = super().__new__(cls)
        task.number = next(_numbers)
        return task

    number: int

    def __hash__(self) -> int:
        return self.number


class _NoSelector(JumpingSelector):
    """Nothing outside this process is ever waited for."""

    iterations = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.iterations += 1
        if timeout is None:
            raise EveryTaskBlockedError
        self.jump(max(0.0, timeout) + TICK)
        return []


class SimulationLoop(VirtualTimeLoop):
    def __init__(self) -> None:
        self.rounds = _NoSelector()
        super().__init__(self.rounds)
        global _numbers  # noqa: PLW0603 - the numbers begin anew with each world
        _numbers = itertools.count(1)
        self.set_task_factory(_make_task)

    def true_time(self) -> float:
        """What a clock on the wall shows, wherever it hangs."""
        return super().time()

    def time(self) -> float:
        machine = _here.get(None)
        now = super().time()
        return now if machine is None else machine.time(now)

    def call_soon(  # type: ignore[override]
        self, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.Handle:
        machine = _here.get(None) if context is None else context.get(_here)
        if machine is None:
            return super().call_soon(callback, *args, context=context)
        at = context or copy_context()
        return super().call_soon(machine.run_soon, callback, args, at, context=at)

    def call_at(  # type: ignore[override]
        self,
        when: float,
        callback: Callable[..., object],
        *args: Any,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        machine = _here.get(None) if context is None else context.get(_here)
        if machine is None:
            return super().call_at(when, callback, *args, context=context)
        timer = _Timer(when, callback, args, context or copy_context())
        timer.handle = self.set_again(machine, timer)
        return timer.handle

    def set_again(self, machine: Machine, timer: _Timer) -> asyncio.TimerHandle:
        true_when = timer.when + machine.asleep
        return super().call_at(true_when, machine.run_at, timer, context=timer.context)

    def run_in_executor(  # type: ignore[override]
        self, _executor: object, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        """In a moment, in one piece, on the only thread. As with a real one, nobody stops it."""
        machine = _here.get(None)
        done: asyncio.Future[T] = self.create_future()
        delay = 0.0 if machine is None else machine.delay()
        if delay:
            self.call_later(delay, _run, done, func, args)
        else:
            self.call_soon(_run, done, func, args)
        return done

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector."""


def _run(done: "asyncio.Future[T]", func: Callable[..., T], args: tuple[Any, ...]) -> None:
    try:
        result = func(*args)
    except Exception as error:  # noqa: BLE001 - goes to whoever waits for it
        if not done.done():
            done.set_exception(error)
    else:
        if not done.done():
            done.set_result(result)


def _make_task(loop: asyncio.AbstractEventLoop, work: Any, **more: Any) -> "asyncio.Task[Any]":
    return _Task(work, loop=loop, **more)
