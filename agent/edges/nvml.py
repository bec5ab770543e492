"""NVIDIA GPUs as the driver describes them; a box without a driver has none, and says why.

    closed --opened--> open --a GPU is gone, or a device node came or went--> opened anew
       ^                 |
       └── pause ────────┴── the driver is gone

A driver that comes late is found by trying again, and so is a GPU that was lost over a suspend:
the library sees only what was there when it was opened.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from threading import Lock

from agent.edges.containers import passed_no_gpu
from agent.edges.nvml_library import Library, installed_library, kind_of
from agent.edges.nvml_reading import NameOf, Reader
from agent.edges.processes import process_name
from agent.edges.surroundings import Surroundings
from agent.model.gpu_state import GpuSight, GpuState, Missing, Trouble
from agent.model.hardware import Gpu
from agent.model.ids import Bytes, Seconds

RECENT = Seconds(15.0)
"""Older than that, and a look tells of another moment."""
PAUSE = Seconds(10.0)
"""Between two tries: opening a driver that is not there may set off loading it."""

_HERE = Surroundings()
_NOT_YET = GpuSight(missing=(Missing(trouble=Trouble.SILENT, why="nobody has looked yet"),))
_SILENT = GpuSight(
    missing=(
        Missing(trouble=Trouble.SILENT, why=f"the NVIDIA driver has told nothing for {RECENT:g} s"),
    )
)


@dataclass(frozen=True, slots=True)
class Sight:
    """The GPUs as hello tells them."""

    gpus: tuple[Gpu, ...]
    reason: str | None = None
    """Why there are none, in one sentence."""


class Nvml:
    """Opens the driver once and keeps it open: opening costs more than asking."""

    def __init__(
        self,
        load: Callable[[], Library] = installed_library,
        *,
        surroundings: Surroundings = _HERE,
        name_of: NameOf = process_name,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._surroundings = surroundings
        self._name_of: NameOf = name_of if surroundings.counts_as_the_host else _nobody
        self._now = now
        self._library: Library | None = None
        self._reader: Reader | None = None
        self._driver = ""
        self._uuids: dict[int, str] = {}
        """Of each GPU that was ever seen, by its number."""
        self._nodes: frozenset[str] = frozenset()
        self._open_at = 0.0
        """When the driver is to be opened, or opened anew."""
        self._latest = _NOT_YET
        self._looked_at = 0.0
        self._looking = Lock()

    @property
    def counts_as_the_host(self) -> bool:
        """Are the numbers of processes those that we know them by."""
        return self._surroundings.counts_as_the_host

    @property
    def latest(self) -> GpuSight:
        return self._latest

    @property
    def recent(self) -> GpuSight:
        """As somebody has seen it just now: a driver that hangs tells of another moment."""
        return self._latest if self._now() - self._looked_at <= RECENT else _SILENT

    def energy_joules(self) -> dict[str, float] | None:
        """By UUID, since the driver was loaded, of the cards that count it; None where none does.

        Cards before Volta do not. As the last look saw it: nobody waits here for a driver.
        """
        drawn = {
            gpu.uuid: gpu.draw.joules for gpu in self.recent.gpus if gpu.draw.joules is not None
        }
        return drawn or None

    def look(self) -> Sight:
        sight = self.states()
        gpus = tuple(Gpu(one.name, one.memory or Bytes(0), self._driver) for one in sight.gpus)
        return Sight(gpus, None if gpus else sight.missing[0].why)

    def states(self) -> GpuSight:
        """Every GPU now; while another thread looks, and it may hang, what was seen last."""
        if not self._looking.acquire(blocking=False):
            return self._latest
        try:
            self._latest = self._look()
            self._looked_at = self._now()
        finally:
            self._looking.release()
        return self._latest

    def _look(self) -> GpuSight:
        if self._library is not None and self._is_outdated():
            self._close(self._library)
        if self._library is None:
            if self._now() < self._open_at:
                return GpuSight(missing=self._latest.missing)
            trouble = self._open()
            if trouble is not None:
                self._open_at = self._now() + PAUSE
                return GpuSight(missing=(trouble,))
        return self._read()

    def _is_outdated(self) -> bool:
        is_due = self._now() >= self._open_at > 0
        return is_due or self._surroundings.device_nodes != self._nodes

    def _open(self) -> Missing | None:
        """Why not, or None."""
        try:
            library = self._load()
        except ImportError:
            why = "the package nvidia-ml-py is not installed"
            return Missing(trouble=Trouble.NO_PACKAGE, why=why)
        try:
            library.nvmlInit()
            self._driver = library.nvmlSystemGetDriverVersion()
        except library.NVMLError as error:
            return self._why_closed(error)
        self._library = library
        self._reader = self._reader or Reader(library, self._name_of)
        self._nodes = self._surroundings.device_nodes
        self._open_at = 0.0
        return None

    def _close(self, library: Library) -> None:
        with suppress(library.NVMLError):
            library.nvmlShutdown()
        self._library = None
        self._open_at = 0.0

    def _read(self) -> GpuSight:
        library, reader = self._library, self._reader
        if library is None or reader is None:
            return self._latest
        try:
            count = library.nvmlDeviceGetCount()
        except library.NVMLError as error:
            self._close(library)
            self._open_at = self._now() + PAUSE
            return GpuSight(missing=(self._why_closed(error),))
        gpus: list[GpuState] = []
        missing: list[Missing] = []
        for index in range(count):
            try:
                gpus.append(reader.read(index, library.nvmlDeviceGetHandleByIndex(index)))
            except library.NVMLError as error:
                missing.append(self._lost(index, error))
        self._uuids |= {gpu.index: gpu.uuid for gpu in gpus}
        if not count:
            missing.append(self._no_gpu())
        if missing and not self._open_at:
            self._open_at = self._now() + PAUSE
        return GpuSight(tuple(gpus), tuple(missing))

    def _why_closed(self, error: Exception) -> Missing:
        match kind_of(error):
            case "NVMLError_LibraryNotFound" | "NVMLError_DriverNotLoaded":
                return self._no_driver(error)
            case "NVMLError_LibRmVersionMismatch":
                why = (
                    f"the NVIDIA driver was updated while the older one runs ({error}):"
                    " reboot, or reload the driver"
                )
                return Missing(trouble=Trouble.DRIVER_REPLACED, why=why)
            case _:
                return Missing(
                    trouble=Trouble.LOST, why=f"the NVIDIA driver does not answer ({error})"
                )

    def _no_driver(self, error: Exception) -> Missing:
        if (left_out := self._left_out()) is not None:
            return left_out
        if self._surroundings.has_card:
            why = f"an NVIDIA card is there without a driver ({error}): load or install it"
            return Missing(trouble=Trouble.NO_DRIVER, why=why)
        return Missing(trouble=Trouble.NO_DRIVER, why=f"no NVIDIA driver is loaded ({error})")

    def _no_gpu(self) -> Missing:
        if (left_out := self._left_out()) is not None:
            return left_out
        return Missing(trouble=Trouble.NO_GPU, why="the NVIDIA driver is there and sees no GPU")

    def _left_out(self) -> Missing | None:
        engine = self._surroundings.engine
        if engine is None or not self._surroundings.is_left_out:
            return None
        return Missing(trouble=Trouble.NOT_PASSED_IN, why=passed_no_gpu(engine))

    def _lost(self, index: int, error: Exception) -> Missing:
        advice = (
            "start this container again, since a daemon-reload on the host takes GPUs away"
            if self._surroundings.is_container
            else "after a suspend reload the driver's module nvidia_uvm, else reboot"
        )
        why = f"GPU {index} does not answer ({error}): {advice}"
        return Missing(trouble=Trouble.LOST, why=why, uuid=self._uuids.get(index))


def _nobody(_pid: int) -> str | None:
    """In a container the driver's numbers are the host's, and name somebody else here."""
    return None
