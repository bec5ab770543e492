"""What a look at the box shows of its GPUs, of who works on them, and of the box around them."""

from dataclasses import dataclass
from enum import Enum

from agent.model.ids import Bytes, Seconds


class ProcessKind(Enum):
    COMPUTE = "compute"
    GRAPHICS = "graphics"
    BOTH = "compute and graphics"


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuProcess:
    """One process on one GPU; what the driver does not tell is None."""

    pid: int
    """As the driver counts: the host's number, also in a container."""
    kind: ProcessKind
    name: str | None = None
    memory: Bytes | None = None
    compute_percent: int | None = None
    encoder_percent: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """Percent of the last moment in which each part was at work."""

    compute: int | None = None
    encoder: int | None = None
    decoder: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """Electric power."""

    watts: float | None = None
    limit_watts: float | None = None
    joules: float | None = None
    """Since the driver was loaded: two readings give what was used between them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuState:
    index: int
    uuid: str
    name: str
    memory: Bytes | None = None
    used: Bytes | None = None
    """Of that memory, with what the driver keeps for itself."""
    load: Load = Load()
    temperature_c: int | None = None
    draw: Draw = Draw()
    throttling: tuple[str, ...] = ()
    """Why it runs slower than it could, in words."""
    processes: tuple[GpuProcess, ...] | None = None
    """None where the driver lists none, as in WSL2 and on a MIG slice."""

    @property
    def free(self) -> Bytes | None:
        if self.memory is None or self.used is None:
            return None
        return Bytes(self.memory - self.used)


class Trouble(Enum):
    """Why a GPU cannot be used."""

    SWITCHED_OFF = "switched_off"
    NO_PACKAGE = "no_package"
    NO_DRIVER = "no_driver"
    NOT_PASSED_IN = "not_passed_in"
    """The box has one, this container does not."""
    DRIVER_REPLACED = "driver_replaced"
    """An update put a new library beside the driver that still runs."""
    NO_GPU = "no_gpu"
    LOST = "lost"
    """It was there, or the driver counts it, and it does not answer."""
    SILENT = "silent"
    """The driver did not answer in time."""
    FULL = "full"
    """Of somebody else's memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Missing:
    """A GPU, or all of them, that cannot be used."""

    trouble: Trouble
    why: str
    """One sentence: what was seen, what to do."""
    uuid: str | None = None
    """None where it is about the whole box, or about a GPU that was never seen."""


@dataclass(frozen=True, slots=True)
class GpuSight:
    """Every GPU that answers, and what is known of those that do not."""

    gpus: tuple[GpuState, ...] = ()
    missing: tuple[Missing, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HostState:
    """None is what nobody tells."""

    is_on_battery: bool | None = None
    battery_percent: int | None = None
    owner_idle: Seconds | None = None
    """Since somebody last touched the box."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at the whole box."""

    sight: GpuSight
    host: HostState = HostState()
    own_pids: frozenset[int] = frozenset()
    """The agent and all that it has started."""
    are_pids_ours_to_read: bool = True
    """False in a container: there the driver lists the host's numbers, or nothing."""
    programs: frozenset[str] = frozenset()
    """Names of what runs on the box; empty where nobody asked for them."""

    @property
    def is_blind(self) -> bool:
        """Nothing was seen: not even what is no more."""
        return any(one.trouble is Trouble.SILENT for one in self.sight.missing)
