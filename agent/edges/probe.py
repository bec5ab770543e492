"""The box: what it has (for hello) and how it is doing (for polls and renewals)."""

import os
import shutil
import socket
import time
from pathlib import Path

from agent.edges.health import gpu_health, host_health
from agent.edges.host import host_state
from agent.edges.nvml import Nvml, Sight
from agent.edges.processes import OwnProcesses
from agent.model.gpu_state import GpuState
from agent.model.hardware import Hardware
from agent.model.ids import Bytes, JsonObject, Seconds

HEALTH_MAX_AGE = Seconds(60.0)


class SystemProbe:
    """The `Probe` port on the real machine."""

    def __init__(
        self,
        spool: Path,
        *,
        nvml: Nvml | None,
        health_max_age: Seconds = HEALTH_MAX_AGE,
    ) -> None:
        """`nvml` is None where the owner keeps the GPU out of it."""
        self._spool = spool
        self._nvml = nvml
        self._health_max_age = health_max_age
        self._own = OwnProcesses()
        self._health: JsonObject = {}
        self._measured_at: float | None = None

    def gpus(self) -> Sight:
        if self._nvml is None:
            return Sight((), "the GPU is switched off in the settings")
        return self._nvml.look()

    def hardware(self) -> Hardware:
        return Hardware(
            cpu_cores=usable_cores(),
            memory=total_memory(),
            disk_free=free_disk(self._spool),
            gpus=self.gpus().gpus,
            hostname=socket.gethostname(),
        )

    def health(self) -> JsonObject:
        """Measured anew only when the last reading is too old: polls come as often as jobs do."""
        now = time.monotonic()
        if self._measured_at is None or now - self._measured_at >= self._health_max_age:
            self._health = self._measure()
            self._measured_at = now
        return self._health

    def gpu_states(self) -> tuple[GpuState, ...]:
        """As last seen by who watches the GPUs."""
        return self._nvml.recent.gpus if self._nvml else ()

    def keep_health_for(self, health_max_age: Seconds) -> None:
        self._health_max_age = health_max_age

    def _measure(self) -> JsonObject:
        # Imported here: the first poll goes out before anybody needs it.
        import psutil

        memory = psutil.virtual_memory()
        return {
            "cpu_percent": psutil.cpu_percent(interval=None),
            "memory_percent": memory.percent,
            "memory_available_bytes": memory.available,
            "disk_free_bytes": free_disk(self._spool),
            **self._gpu_health(),
            **host_health(host_state(None)),
        }

    def _gpu_health(self) -> JsonObject:
        """As last seen by who watches the GPUs: a driver that hangs must not hold up a renewal."""
        if self._nvml is None:
            return {"gpus": []}
        sight = self._nvml.recent
        if not self._nvml.counts_as_the_host:
            return gpu_health(sight, None)
        pids = {process.pid for gpu in sight.gpus for process in gpu.processes or ()}
        return gpu_health(sight, self._own.among(pids))


def usable_cores() -> int:
    """Those that this process may run on; a container often has fewer than the box."""
    return len(os.sched_getaffinity(0))


def total_memory() -> Bytes:
    return Bytes(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))


def free_disk(path: Path) -> Bytes:
    """Of the file system on which `path` lies or will lie."""
    there = next(
        folder for folder in (path.absolute(), *path.absolute().parents) if folder.exists()
    )
    return Bytes(shutil.disk_usage(there).free)
