"""Models leave a GPU that no test has: what their libraries are told is looked at instead."""

from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from agent.model.work import PipelineSettings, Progress
from agent.pipelines.audio.engines import faster_whisper
from agent.pipelines.audio.engines.faster_whisper import FasterWhisper
from agent.pipelines.audio.engines.openai_whisper import OpenAiWhisper
from agent.pipelines.audio.hearing import Hearing
from agent.pipelines.audio.options import AudioOptions
from agent.pipelines.diarization.builtin import BuiltInDiarizer
from agent.pipelines.diarization.hearing import Networks
from agent.pipelines.document.pipeline import DocumentPipeline
from agent.pipelines.image.engines.captioning import TransformersCaptioner
from agent.pipelines.image.engines.embedding import TransformersEmbedder
from agent.pipelines.image.models import Models
from agent.pipelines.models.leaving import Movable, leave_gpu, return_to_gpu
from agent.pipelines.ocr.rapid import RapidOcr
from agent.pipelines.video.pipeline import VideoPipeline
from tests.pipelines.audio.fake_engine import FakeEngine
from tests.pipelines.spoken.recordings import noisy

SETTINGS = PipelineSettings(device="cpu", diarization=False, topics=False)


@dataclass
class FakeTranslator:
    """CTranslate2's model, as far as it comes and goes."""

    is_busy: bool = False
    busy_for: int = 0
    """Calls."""
    calls: list[str] = field(default_factory=list)
    model_is_loaded: bool = True

    def unload_model(self, *, to_cpu: bool) -> None:
        self.calls.append(f"unload, to_cpu={to_cpu}")
        self.busy_for -= 1
        self.model_is_loaded = self.is_busy or self.busy_for >= 0

    def load_model(self) -> None:
        self.calls.append("load")
        self.model_is_loaded = True


@dataclass
class FakeModule:
    """A torch module, or the GPU's half of an engine."""

    device: str = "cuda"
    moves: list[str] = field(default_factory=list)
    dims: Any = None
    is_multilingual: bool = False
    num_languages: int = 1

    def to(self, device: str) -> None:
        self.moves.append(str(device))


@dataclass
class FakeModel:
    can_leave: bool = True
    calls: list[str] = field(default_factory=list)

    def leave_gpu(self) -> bool:
        self.calls.append("leave")
        return self.can_leave

    def return_to_gpu(self) -> None:
        self.calls.append("return")


class MovableEngine(FakeEngine, FakeModel):
    def __init__(self) -> None:
        FakeEngine.__init__(self)
        FakeModel.__init__(self)


def whisper_on(
    device: str, translator: FakeTranslator, monkeypatch: pytest.MonkeyPatch
) -> FasterWhisper:
    made = SimpleNamespace(model=translator, supported_languages=["en"])
    monkeypatch.setattr(faster_whisper, "WhisperModel", lambda *_, **__: made)
    return FasterWhisper("tiny.en", Path("x"), device, "float16", 1)


@pytest.mark.parametrize(("device", "to_cpu"), [("cuda", True), ("cpu", False)])
def test_faster_whisper_waits_in_memory_for_its_gpu_and_on_the_disk_for_a_processor(
    device: str, to_cpu: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    translator = FakeTranslator()
    engine = whisper_on(device, translator, monkeypatch)

    assert engine.leave_gpu()
    engine.return_to_gpu()
    assert translator.calls == [f"unload, to_cpu={to_cpu}", "load"]


def test_faster_whisper_says_where_its_library_did_not_unload(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not whisper_on("cuda", FakeTranslator(is_busy=True), monkeypatch).leave_gpu()


def test_faster_whisper_waits_a_moment_for_a_library_that_puts_its_tools_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    translator = FakeTranslator(busy_for=3)
    assert whisper_on("cuda", translator, monkeypatch).leave_gpu()
    assert len(translator.calls) == 4


def test_models_on_torch_move_to_the_processor_and_back_to_where_they_were() -> None:
    module = FakeModule()
    models: list[Movable] = [
        OpenAiWhisper("tiny", module, "cuda"),
        TransformersCaptioner("blip", None, module),
        TransformersEmbedder("clip", None, module),
    ]
    for model in models:
        module.moves.clear()
        assert model.leave_gpu()
        model.return_to_gpu()
        assert module.moves == ["cpu", "cuda"]


def test_the_diarizer_reads_its_networks_again_to_come_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    networks = Networks("cpu")
    before = networks.segmentation
    assert networks.leave_gpu()
    networks.return_to_gpu()
    assert networks.segmentation is before  # they never were on a GPU

    monkeypatch.setattr(networks, "device", "meta")
    assert networks.leave_gpu()
    networks.return_to_gpu()
    assert networks.segmentation is not before


def test_a_diarizer_that_holds_nothing_has_nothing_to_move() -> None:
    diarizer = BuiltInDiarizer("cpu")
    assert diarizer.leave_gpu()
    diarizer.return_to_gpu()
    assert diarizer.held == ()


@pytest.mark.parametrize(("is_on_gpu", "builds"), [(True, 2), (False, 1)])
def test_a_text_reader_is_built_again_where_it_was_on_the_gpu(is_on_gpu: bool, builds: int) -> None:
    built: list[object] = []

    def build() -> object:
        built.append(object())
        return built[-1]

    reader = RapidOcr(build, is_on_gpu=is_on_gpu)
    assert reader.leave_gpu()
    reader.return_to_gpu()
    assert len(built) == builds


def test_all_move_even_if_one_of_them_cannot() -> None:
    stuck, free = FakeModel(can_leave=False), FakeModel()

    assert not leave_gpu([stuck, object(), None, free])
    return_to_gpu([stuck, None, free])
    assert stuck.calls == free.calls == ["leave", "return"]


def test_the_engine_of_a_recording_moves_but_not_while_it_is_being_loaded(tmp_path: Path) -> None:
    engine = MovableEngine()
    could_leave: list[bool] = []

    def load(*_: object, **__: object) -> MovableEngine:
        could_leave.append(hearing.leave_gpu())
        return engine

    def report(progress: Progress) -> None:
        if progress.message == "transcribing":
            could_leave.append(hearing.leave_gpu())
            hearing.return_to_gpu()

    hearing = Hearing(SETTINGS, load)
    recording = noisy(tmp_path / "a.pcm", 4.0)
    hearing.hear(recording, "a.wav", AudioOptions(vad=False), report)

    assert could_leave[0] is False
    assert could_leave[1:]
    assert all(could_leave[1:])
    assert engine.calls[:2] == ["leave", "return"]


def test_every_pipeline_that_keeps_a_model_moves_it() -> None:
    image = Models(settings=SETTINGS)
    document = DocumentPipeline(SETTINGS)
    video = VideoPipeline(SETTINGS)
    kept = FakeModel()
    image._embedder = document._recognise = video._reader = kept  # type: ignore[assignment]

    for keeper in (image, document, video):
        assert keeper.leave_gpu()
        keeper.return_to_gpu()

    assert kept.calls == ["leave", "return"] * 3


def test_a_film_that_is_decoded_on_the_gpu_does_not_leave_it() -> None:
    video = VideoPipeline(SETTINGS)
    with video._decoding.on(gpu=True):
        assert not video.leave_gpu()
    assert video.leave_gpu()
