"""Loads a speech engine and trusts it only once it has heard the canary.

the settings' engine and device
  │ deaf            same engine, next compute type, as long as there is one that may help
  │ still deaf      the other engine, where the settings leave the choice
  │ still deaf      the same on the processor, where the settings leave the choice
  v
an error that says what each of them heard
"""

import gc
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

from agent.model.work import PipelineSettings
from agent.pipelines.audio.engines.canary import SPOKEN, Answer, ask
from agent.pipelines.audio.engines.cublas import REMEDY, lacks_cublas
from agent.pipelines.audio.engines.engine import Engine, NoOtherTypeError, Tell
from agent.pipelines.audio.engines.loading import load_engine
from agent.pipelines.errors import (
    EngineUnavailableError,
    GpuUnavailableError,
    PipelineError,
    is_out_of_memory,
)
from agent.pipelines.models.choice import EngineName, choose_engine, is_installed, likely_device
from agent.pipelines.spoken.transcript import Loaded


class LoadUnchecked(Protocol):
    def __call__(
        self,
        settings: PipelineSettings,
        /,
        *,
        is_frugal: bool,
        unfit: tuple[str, ...],
        tell: Tell,
    ) -> Engine: ...


@dataclass(frozen=True, slots=True)
class _Fault:
    """Why an engine is not trusted."""

    words: str
    is_of_all_types: bool = False
    """A library is missing: no compute type does without."""


class CheckedLoading:
    """One for a process: what has heard right once is not asked again when it is loaded anew."""

    def __init__(
        self, load: LoadUnchecked = load_engine, question: Callable[[Engine], Answer] = ask
    ) -> None:
        self._load = load
        self._ask = question
        self._trusted: set[Loaded] = set()

    def __call__(
        self, settings: PipelineSettings, /, *, is_frugal: bool, tell: Tell = lambda _said: None
    ) -> Engine:
        """Raises `EngineUnavailableError` where no engine hears."""
        load = partial(self._load, is_frugal=is_frugal, tell=tell)
        failures: list[str] = []
        for rung in _ladder(settings):
            unfit: tuple[str, ...] = ()
            while (engine := _loaded(load, rung, unfit, failures)) is not None:
                fault = self._fault_of(engine, tell)
                if fault is None:
                    if failures:
                        _log().warning("fell back to %s: %s", _named(engine), "; ".join(failures))
                    return engine
                failures.append(fault.words)
                unfit += (engine.loaded.compute_type,)
                del engine
                gc.collect()  # there is no room for two
                if fault.is_of_all_types:
                    break
        raise _deaf(settings, failures)

    def _fault_of(self, engine: Engine, tell: Tell) -> _Fault | None:
        if engine.loaded in self._trusted:
            return None
        tell("testing the engine")
        try:
            answer = self._ask(engine)
        except RuntimeError as error:
            if is_out_of_memory(error):
                raise
            if lacks_cublas(error):
                return _Fault(f"{_placed(engine)}: {error}: {REMEDY}", is_of_all_types=True)
            return _Fault(f"{_named(engine)} failed on {SPOKEN!r} ({error})")
        if not answer.is_right:
            return _Fault(f"{_named(engine)} heard {answer.text!r} instead of {SPOKEN!r}")
        self._trusted.add(engine.loaded)
        return None


def _loaded(
    load: Callable[..., Engine],
    rung: PipelineSettings,
    unfit: tuple[str, ...],
    failures: list[str],
) -> Engine | None:
    """None where the rung has nothing more to offer."""
    name = f"{rung.engine} on {rung.device}"
    try:
        return load(rung, unfit=unfit)
    except NoOtherTypeError:
        return None
    except PipelineError as error:
        # The first choice's own reason says best what is missing, unless there is a second.
        if not failures and not _is_about_a_choice(error, rung):
            raise
        failures.append(f"{name}: {str(error).rstrip('.')}")
    except (ImportError, RuntimeError, ValueError, OSError) as error:
        if not _is_the_librarys(error):
            raise
        failures.append(f"{name} does not load ({error})")
    return None


def load_checked(
    settings: PipelineSettings, /, *, is_frugal: bool = False, tell: Tell = lambda _said: None
) -> Engine:
    """Once; who loads again and again keeps a `CheckedLoading`."""
    return CheckedLoading()(settings, is_frugal=is_frugal, tell=tell)


def _ladder(settings: PipelineSettings) -> Iterator[PipelineSettings]:
    """The settings with engine and device filled in, the best first."""
    first = choose_engine(settings.engine)
    others = [one for one in EngineName if one is not first and is_installed(one)]
    engines = [first, *(others if settings.engine == "auto" else [])]
    devices = [settings.device]
    if likely_device(settings) == "cuda" and settings.device == "auto":
        devices.append("cpu")
    for device in devices:
        for engine in engines:
            yield replace(settings, engine=engine.value, device=device)


def _is_about_a_choice(error: PipelineError, rung: PipelineSettings) -> bool:
    """The GPU is full, and the settings would take the processor as well."""
    return isinstance(error, GpuUnavailableError) and rung.device == "auto"


def _is_the_librarys(error: Exception) -> bool:
    """Not memory, which has a retry of its own, and not the disk, where errno says so."""
    if isinstance(error, OSError):
        return error.errno is None
    return not is_out_of_memory(error)


def _deaf(settings: PipelineSettings, failures: list[str]) -> EngineUnavailableError:
    kind = EngineUnavailableError if settings.device == "cpu" else GpuUnavailableError
    return kind(f"no speech engine works on this box: {'; '.join(failures)}.")


def _named(engine: Engine) -> str:
    made = engine.loaded
    return f"{made.engine} ({made.model}, {made.device}, {made.compute_type})"


def _placed(engine: Engine) -> str:
    return f"{engine.loaded.engine} on {engine.loaded.device}"


def _log() -> logging.Logger:
    return logging.getLogger(__name__)
