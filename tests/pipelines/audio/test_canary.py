"""An engine is trusted once it has heard what was said, and only then."""

import json
import logging
import subprocess
import sys
import wave
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from importlib.resources import files
from pathlib import Path

import pytest

from agent.model.failures import FailureCode
from agent.model.work import Failed, PipelineSettings, Returned
from agent.pipelines.audio.engines import checked
from agent.pipelines.audio.engines.canary import SPOKEN, ask, canary
from agent.pipelines.audio.engines.checked import CheckedLoading, load_checked
from agent.pipelines.audio.engines.engine import NoOtherTypeError, Tell
from agent.pipelines.audio.engines.loading import load_engine
from agent.pipelines.errors import (
    EngineUnavailableError,
    GpuUnavailableError,
    as_outcome,
    is_out_of_memory,
)
from agent.pipelines.models import choice
from agent.pipelines.spoken.transcript import Loaded, Segment
from tests.pipelines.audio.fake_engine import FakeEngine

# openai-whisper leaves the file of its vocabulary open.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*tiktoken:pytest.PytestUnraisableExceptionWarning", "ignore:.*tiktoken:ResourceWarning"
)

RIGHT = (Segment(0.0, 2.0, " The fox jumps over the lazy dog."),)
DEAF: tuple[Segment, ...] = ()
WRONG = (Segment(0.0, 2.0, " Thanks for watching!"),)

Hears = Callable[[str, str, str], tuple[Segment, ...] | Exception]
"""By engine, device and compute type."""

TYPES = {
    ("faster-whisper", "cuda"): ("float16", "int8_float16", "float32"),
    ("faster-whisper", "cpu"): ("int8", "float32"),
    ("openai-whisper", "cuda"): ("float16",),
    ("openai-whisper", "cpu"): ("float32",),
}


@dataclass
class Box:
    """A box with both libraries on a GPU, where some combinations do not hear."""

    hears: Hears
    loads: list[str] = field(default_factory=list)
    engines: list[FakeEngine] = field(default_factory=list)

    def load(
        self,
        settings: PipelineSettings,
        /,
        *,
        is_frugal: bool = False,
        unfit: tuple[str, ...] = (),
        tell: Tell | None = None,
    ) -> FakeEngine:
        assert not is_frugal
        assert tell is not None
        device = "cuda" if settings.device == "auto" else settings.device
        types = [one for one in TYPES[settings.engine, device] if one not in unfit]
        if not types:
            raise NoOtherTypeError("no other type")
        self.loads.append(f"{settings.engine} {device} {types[0]}")
        heard = self.hears(settings.engine, device, types[0])
        if isinstance(heard, ImportError | OSError | EngineUnavailableError):
            raise heard
        made = Loaded(engine=settings.engine, model="base", device=device, compute_type=types[0])
        error = heard if isinstance(heard, Exception) else None
        segments = () if isinstance(heard, Exception) else heard
        self.engines.append(FakeEngine(lambda _: segments, loaded=made, error=error))
        return self.engines[-1]


@pytest.fixture(autouse=True)
def gpu(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver's files are there, as far as the choice of engines looks."""
    if "real" not in request.node.name:
        monkeypatch.setattr(
            checked,
            "likely_device",
            lambda settings: "cuda" if settings.device == "auto" else settings.device,
        )


def climb(box: Box, settings: PipelineSettings | None = None) -> FakeEngine:
    engine = CheckedLoading(box.load)(settings or PipelineSettings(), is_frugal=False)
    assert isinstance(engine, FakeEngine)
    return engine


def test_an_engine_that_hears_is_taken_as_it_is() -> None:
    box = Box(lambda *_: RIGHT)

    assert climb(box) is box.engines[0]
    assert box.loads == ["faster-whisper cuda float16"]


def test_a_deaf_compute_type_gives_way_to_the_next() -> None:
    box = Box(lambda _engine, _device, kind: DEAF if "float16" in kind else RIGHT)

    assert climb(box).loaded.compute_type == "float32"


def test_a_deaf_library_gives_way_to_the_other_on_the_same_gpu() -> None:
    box = Box(lambda engine, *_: WRONG if engine == "faster-whisper" else RIGHT)

    assert climb(box).loaded.engine == "openai-whisper"
    assert box.loads[-1] == "openai-whisper cuda float16"


def test_a_deaf_gpu_gives_way_to_the_processor() -> None:
    box = Box(lambda _engine, device, _kind: DEAF if device == "cuda" else RIGHT)

    assert climb(box).loaded.device == "cpu"
    assert box.loads == [
        "faster-whisper cuda float16",
        "faster-whisper cuda int8_float16",
        "faster-whisper cuda float32",
        "openai-whisper cuda float16",
        "faster-whisper cpu int8",
    ]


def test_the_fall_is_told_loudly(caplog: pytest.LogCaptureFixture) -> None:
    box = Box(lambda _engine, _device, kind: DEAF if kind == "float16" else RIGHT)

    climb(box, PipelineSettings(engine="faster-whisper"))

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert record.getMessage() == (
        "fell back to faster-whisper (base, cuda, int8_float16):"
        f" faster-whisper (base, cuda, float16) heard '' instead of '{SPOKEN}'"
    )


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("CUDA failed with error invalid device function"),
        RuntimeError("Library libcublas.so.12 is not found or cannot be loaded"),
    ],
)
def test_a_library_that_fails_while_it_listens_gives_way(error: RuntimeError) -> None:
    box = Box(lambda _engine, device, _kind: error if device == "cuda" else RIGHT)

    assert climb(box).loaded.device == "cpu"


def test_without_its_cublas_an_engine_is_tried_once_and_the_other_takes_the_gpu() -> None:
    lacking = RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")
    box = Box(lambda engine, *_: lacking if engine == "faster-whisper" else RIGHT)

    for settings in (PipelineSettings(), PipelineSettings(device="cuda")):
        assert climb(box, settings).loaded.engine == "openai-whisper"

    assert box.loads == 2 * ["faster-whisper cuda float16", "openai-whisper cuda float16"]


def test_a_missing_cublas_is_told_once_with_what_to_do() -> None:
    lacking = RuntimeError("Library libcublas.so.12 is not found or cannot be loaded")

    with pytest.raises(GpuUnavailableError) as caught:
        climb(Box(lambda *_: lacking), PipelineSettings(engine="faster-whisper", device="cuda"))

    assert str(caught.value) == (
        "no speech engine works on this box: faster-whisper on cuda: Library libcublas.so.12 is"
        " not found or cannot be loaded: run `pip install nvidia-cublas-cu12`."
    )


@pytest.mark.parametrize(
    "error", [ImportError("libtorch.so: no such file"), OSError("libcudart.so.13: cannot open")]
)
def test_a_library_that_does_not_load_gives_way(error: Exception) -> None:
    box = Box(lambda engine, *_: error if engine == "faster-whisper" else RIGHT)

    assert climb(box).loaded.engine == "openai-whisper"


def test_what_the_owner_named_is_not_replaced() -> None:
    box = Box(lambda *_: DEAF)

    with pytest.raises(GpuUnavailableError) as caught:
        climb(box, PipelineSettings(engine="openai-whisper", device="cuda"))

    assert box.loads == ["openai-whisper cuda float16"]
    outcome = as_outcome(caught.value)
    assert isinstance(outcome, Returned)
    assert outcome.reason.startswith("gpu_unavailable: no speech engine works on this box: ")
    assert f"heard '' instead of '{SPOKEN}'" in outcome.reason


def test_a_deaf_processor_fails_the_job_with_what_was_heard() -> None:
    box = Box(lambda *_: WRONG)

    with pytest.raises(EngineUnavailableError) as caught:
        climb(box, PipelineSettings(device="cpu"))

    outcome = as_outcome(caught.value)
    assert isinstance(outcome, Failed)
    assert outcome.code is FailureCode.INTERNAL
    assert "heard 'Thanks for watching!'" in outcome.message


def test_a_full_gpu_gives_way_to_the_processor_where_the_owner_leaves_the_choice() -> None:
    full = GpuUnavailableError("large needs 5 GB of GPU memory.")
    box = Box(lambda _engine, device, _kind: full if device == "cuda" else RIGHT)

    assert climb(box).loaded.device == "cpu"
    with pytest.raises(GpuUnavailableError, match="needs 5 GB"):
        climb(box, PipelineSettings(device="cuda"))


def test_a_missing_model_is_told_as_it_is() -> None:
    missing = EngineUnavailableError("no Whisper model is on this machine: fetch one.")

    with pytest.raises(EngineUnavailableError) as caught:
        climb(Box(lambda *_: missing))

    assert caught.value is missing


def test_running_out_of_memory_is_left_to_the_frugal_retry() -> None:
    box = Box(lambda *_: RuntimeError("CUDA failed with error out of memory"))

    with pytest.raises(RuntimeError) as caught:
        climb(box)

    assert is_out_of_memory(caught.value)
    assert len(box.loads) == 1


def test_a_full_disk_is_not_taken_for_a_broken_library() -> None:
    with pytest.raises(OSError, match="No space left"):
        climb(Box(lambda *_: OSError(28, "No space left on device")))


def test_what_was_heard_once_is_not_asked_again_in_this_process() -> None:
    box = Box(lambda *_: RIGHT)
    loading = CheckedLoading(box.load)

    loading(PipelineSettings(), is_frugal=False)
    loading(PipelineSettings(), is_frugal=False)

    first, second = box.engines
    assert (len(first.requests), len(second.requests)) == (1, 0)


def test_the_owners_own_model_must_hear_something_whatever_its_language() -> None:
    own = replace(FakeEngine().loaded, model="my-german-model")

    assert ask(FakeEngine(lambda _: WRONG, loaded=own)).is_right
    assert not ask(FakeEngine(lambda _: DEAF, loaded=own)).is_right


def test_the_recording_is_small_and_goes_with_the_package() -> None:
    resource = files("agent.pipelines.audio.engines") / "canary.wav"

    assert len(resource.read_bytes()) < 40_000
    with resource.open("rb") as file, wave.open(file) as sound:
        assert (sound.getframerate(), sound.getnchannels()) == (16_000, 1)
    assert 1.0 < len(canary()) / 16_000 < 3.0
    assert -1.0 <= canary().min() < -0.2
    assert 0.2 < canary().max() <= 1.0


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize("unfit", [(), ("int8",)])
def test_a_real_engine_hears_the_canary_in_each_type(unfit: tuple[str, ...]) -> None:
    wanted = PipelineSettings(engine="faster-whisper", model="tiny.en", device="cpu", threads=1)

    engine = load_engine(wanted, unfit=unfit)

    assert engine.loaded.compute_type == ("float32" if unfit else "int8")
    assert ask(engine).is_right


def test_a_real_engine_with_no_other_type_says_so() -> None:
    wanted = PipelineSettings(engine="faster-whisper", model="tiny.en", device="cpu")

    with pytest.raises(NoOtherTypeError):
        load_engine(wanted, unfit=("int8", "float32"))


def test_a_real_multilingual_model_hears_the_canary(cache: Path) -> None:
    assert cache.is_dir()
    wanted = PipelineSettings(model="base", device="cpu", threads=1)

    assert load_checked(wanted).loaded.model == "base"


@pytest.mark.parametrize("engine", ["faster-whisper", "openai-whisper"])
def test_a_real_engine_is_heard_in_a_process_of_its_own(cache: Path, engine: str) -> None:
    assert cache.is_dir()
    wanted = PipelineSettings(engine=engine, model="tiny.en", device="cpu", threads=1)
    module = "agent.pipelines.audio.engines.hearing_test"

    ended = subprocess.run(
        [sys.executable, "-m", module, json.dumps(asdict(wanted))],
        capture_output=True,
        text=True,
        check=True,
    )

    assert ended.stdout.startswith("tiny.en ")
    assert f"heard '{SPOKEN}'".lower() in ended.stdout.lower()


def test_a_real_engine_without_its_model_says_what_to_do(tmp_path: Path) -> None:
    wanted = PipelineSettings(model=str(tmp_path / "none"), device="cpu")
    module = "agent.pipelines.audio.engines.hearing_test"

    ended = subprocess.run(
        [sys.executable, "-m", module, json.dumps(asdict(wanted))],
        capture_output=True,
        text=True,
        check=False,
    )

    assert ended.returncode == 1
    assert ended.stdout.startswith("no Whisper model at ")


def test_without_an_engine_there_is_nothing_to_climb(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(choice, "is_installed", lambda _engine: False)

    with pytest.raises(EngineUnavailableError, match="pip install"):
        climb(Box(lambda *_: RIGHT))
