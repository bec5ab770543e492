"""What the checks share: the settings, and what is looked up once for several of them."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Generic, TypeVar

from agent.config import Loaded, Settings, hides_gpus, pipeline_settings
from agent.edges.child_environment import child_environment
from agent.edges.container_engines import has_gpu_files
from agent.edges.owner import Owner
from agent.edges.probe import SystemProbe
from agent.edges.surroundings import Engine, Surroundings
from agent.edges.trials import Broken, Trial
from agent.model.hardware import Gpu, Hardware
from agent.model.ids import Bytes
from agent.model.work import PipelineSettings
from agent.pipelines.trials.driver import Driver

DRIVER_DEADLINE = 8.0
_T = TypeVar("_T")


class Once(Generic[_T]):
    """Looked up by whoever asks first; the others wait for that."""

    def __init__(self, look: Callable[[], _T]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._found: list[_T] = []

    def __call__(self) -> _T:
        with self._lock:
            if not self._found:
                self._found.append(self._look())
            return self._found[0]


@dataclass(frozen=True)
class Patient:
    loaded: Loaded
    environ: Mapping[str, str]
    is_thorough: bool

    @property
    def settings(self) -> Settings:
        return self.loaded.settings

    @cached_property
    def pipelines(self) -> PipelineSettings:
        return pipeline_settings(self.settings)

    @cached_property
    def child_environ(self) -> Mapping[str, str]:
        """What the children of this agent get to see."""
        return child_environment(self.environ, self.pipelines)

    @cached_property
    def container(self) -> Engine | None:
        return Surroundings().engine

    @cached_property
    def driver(self) -> Once[Driver | Broken]:
        trial = Trial("agent.pipelines.trials.driver", Driver)
        return Once(lambda: trial.run(self.child_environ, DRIVER_DEADLINE))

    @property
    def has_gpu(self) -> bool:
        """The settings want it, the driver answers and sees at least one, and so do libraries."""
        if not self.settings.gpu or hides_gpus(self.environ):
            return False
        driver = self.driver()
        return isinstance(driver, Driver) and bool(driver.cards)

    @property
    def is_driver_stuck(self) -> bool:
        if not self.settings.gpu:
            return False
        driver = self.driver()
        return isinstance(driver, Broken) and driver.is_silent

    def hardware(self) -> Hardware:
        """As `run` would tell it; the driver is asked in a process of its own."""
        box = SystemProbe(self.settings.spool, nvml=None).hardware()
        if not self.settings.gpu:
            return box
        driver = self.driver()
        if isinstance(driver, Broken):
            return box
        gpus = tuple(Gpu(card.name, Bytes(card.total), driver.version) for card in driver.cards)
        return Hardware(
            cpu_cores=box.cpu_cores,
            memory=box.memory,
            disk_free=box.disk_free,
            gpus=gpus,
            hostname=box.hostname,
        )

    @cached_property
    def is_owner_known(self) -> bool:
        """Something tells whether somebody is at this box."""
        return Owner().idle() is not None

    @cached_property
    def has_nvidia_hardware(self) -> bool:
        """A card or its device files, whether their driver works or not."""
        return Surroundings().has_card is True or has_gpu_files()
