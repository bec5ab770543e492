"""Patients for tests: any settings, on a box whose driver says what the test says."""

from collections.abc import Mapping
from dataclasses import dataclass

from agent.cli.doctor.patient import Once, Patient
from agent.config import Loaded, Settings
from agent.edges.surroundings import Engine
from agent.edges.trials import Broken
from agent.pipelines.trials.driver import Card, Driver, Trouble

GIB = 2**30
CARD = Card(
    name="NVIDIA GeForce RTX 3090",
    total=24 * GIB,
    free=20 * GIB,
    capability=(8, 6),
    compute_mode=0,
    holders=(),
)
WORKS = Driver(version="570.86", cuda=(12, 8), cards=(CARD,))
ABSENT = Driver(trouble=Trouble.NO_DRIVER, reason="NVML Shared Library Not Found")
HANGS = Broken("no answer within 8 s", is_silent=True)


@dataclass(frozen=True)
class Pretended(Patient):
    """On a box of the test's making."""

    has_card: bool = False
    engine: Engine | None = None

    @property
    def container(self) -> Engine | None:
        return self.engine

    @property
    def has_nvidia_hardware(self) -> bool:
        return self.has_card


def patient(
    settings: Settings | None = None,
    driver: Driver | Broken = ABSENT,
    *,
    has_card: bool = False,
    container: Engine | None = None,
    environ: Mapping[str, str] | None = None,
) -> Patient:
    chosen = settings or Settings()
    origins = dict.fromkeys(Settings.model_fields, "default")
    loaded = Loaded(chosen, origins, (), None)
    made = Pretended(loaded, environ or {}, is_thorough=False, has_card=has_card, engine=container)
    # As `cached_property` keeps it.
    made.__dict__["driver"] = Once(lambda: driver)
    return made
