"""Looks at GPUs, processes, battery and owner; a driver that hangs holds up nothing but itself."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Thread

from agent.edges.host import host_state
from agent.edges.nvml import Nvml
from agent.edges.owner import Owner
from agent.edges.processes import OwnProcesses, running_programs
from agent.edges.surroundings import Surroundings
from agent.model.gpu_state import GpuSight, Look, Missing, Trouble
from agent.model.ids import Seconds

PATIENCE = Seconds(5.0)

_HERE = Surroundings()
_SWITCHED_OFF = GpuSight(
    missing=(Missing(trouble=Trouble.SWITCHED_OFF, why="the GPU is switched off in the settings"),)
)


class BoxWatch:
    """The `Watch` port on the real machine."""

    def __init__(
        self,
        nvml: Nvml | None,
        *,
        owner: Owner | None = None,
        wants_programs: bool = False,
        surroundings: Surroundings = _HERE,
        patience: Seconds = PATIENCE,
    ) -> None:
        """`nvml` is None where the owner keeps the GPU out of it."""
        self._nvml = nvml
        self._owner = owner
        self._wants_programs = wants_programs
        self._are_pids_ours_to_read = surroundings.counts_as_the_host
        self._own = OwnProcesses()
        self._patience = patience
        self._looking: asyncio.Future[Look | None] | None = None

    async def look(self) -> Look:
        if self._looking is None or self._looking.done():
            self._looking = _in_thread(self._look)
        try:
            async with asyncio.timeout(self._patience):
                seen = await asyncio.shield(self._looking)
        except TimeoutError:
            return _blind(
                f"the NVIDIA driver has not answered for {self._patience:g} s:"
                " if that lasts, see the kernel's log for Xid, and reboot"
            )
        return seen or _blind("looking at the box broke off: see standard error, and report it")

    def _look(self) -> Look:
        sight = _SWITCHED_OFF if self._nvml is None else self._nvml.states()
        pids = {process.pid for gpu in sight.gpus for process in gpu.processes or ()}
        return Look(
            sight=sight,
            host=host_state(self._owner),
            own_pids=self._own.among(pids) if self._are_pids_ours_to_read else frozenset(),
            are_pids_ours_to_read=self._are_pids_ours_to_read,
            programs=running_programs() if self._wants_programs else frozenset(),
        )


def _blind(why: str) -> Look:
    return Look(sight=GpuSight(missing=(Missing(trouble=Trouble.SILENT, why=why),)))


def _in_thread(look: Callable[[], Look]) -> asyncio.Future[Look | None]:
    """In a thread that nobody waits for at the end, unlike those of the loop's own pool.

    None where it broke; the thread says on standard error how.
    """
    loop = asyncio.get_running_loop()
    future: asyncio.Future[Look | None] = loop.create_future()

    def answer(seen: Look | None) -> None:
        if not future.done():
            future.set_result(seen)

    def work() -> None:
        seen = None
        try:
            seen = look()
        finally:
            with suppress(RuntimeError):  # the loop was closed while we looked
                loop.call_soon_threadsafe(answer, seen)

    Thread(target=work, name="box-watch", daemon=True).start()
    return future
