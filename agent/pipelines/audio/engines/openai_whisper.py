"""openai-whisper: the original, on torch."""

import sys
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import NotRequired, Self, TypedDict

import torch
import whisper
from whisper.tokenizer import LANGUAGES

from agent.model.work import PipelineSettings
from agent.pipelines.audio.decoding import Samples
from agent.pipelines.audio.engines.checkpoint import convert, read_alignment_heads
from agent.pipelines.audio.engines.engine import Heard, Request
from agent.pipelines.audio.transcript import Loaded, Segment, Word
from agent.pipelines.errors import GpuUnavailableError
from agent.pipelines.models.choice import EngineName, find_model, name_to_download
from agent.pipelines.models.files import converted, ct2_folder
from agent.pipelines.models.search import Form, Model

_FRAMES_PER_SECOND = 100


def load(settings: PipelineSettings) -> "OpenAiWhisper":
    device = _device(settings.device)
    if settings.threads:
        torch.set_num_threads(settings.threads)
    found = find_model(settings, EngineName.OPENAI_WHISPER, device)
    if found is None:
        name = name_to_download(settings, device)
        model = whisper.load_model(name, device, download_root=settings.models_folder)
    else:
        name, model = found.name, _load(found, settings, device)
    return OpenAiWhisper(name, model, device)


def _load(found: Model, settings: PipelineSettings, device: str) -> whisper.Whisper:
    if found.form is Form.CHECKPOINT:
        path = found.path
    else:
        folder = ct2_folder(found, settings)
        path = converted(folder / "model.bin", settings, lambda file: convert(folder, file))
    model = whisper.load_model(str(path), device)
    # The library knows the heads of its own downloads only; word timestamps need them.
    heads = read_alignment_heads(path) or whisper._ALIGNMENT_HEADS.get(found.name)  # noqa: SLF001
    if heads:
        model.set_alignment_heads(heads)
    return model


class OpenAiWhisper:
    def __init__(self, name: str, model: whisper.Whisper, device: str) -> None:
        self._model = model
        self._is_half = device == "cuda"
        self.loaded = Loaded(
            engine=EngineName.OPENAI_WHISPER.value,
            model=name,
            device=device,
            compute_type="float16" if self._is_half else "float32",
        )
        known = list(LANGUAGES)[: model.num_languages]
        self.languages: Collection[str] = tuple(known) if model.is_multilingual else ("en",)

    def transcribe(
        self, samples: Samples, request: Request, on_position: Callable[[float], None]
    ) -> Heard:
        language, probability = request.language, 1.0
        if language is None:
            language, probability = self._detect_language(samples)
        with _told_of_progress(on_position):
            result = self._model.transcribe(
                samples,
                language=language,
                task=request.task,
                word_timestamps=request.word_timestamps,
                initial_prompt=request.initial_prompt,
                beam_size=None if request.is_frugal else request.beam_size,
                temperature=request.temperatures,
                fp16=self._is_half,
            )
        segments = tuple(_segment(fields) for fields in result["segments"])
        return Heard(segments, language, probability)

    def _detect_language(self, samples: Samples) -> tuple[str, float]:
        if not self._model.is_multilingual:
            return "en", 1.0
        window = whisper.pad_or_trim(samples)
        mel = whisper.log_mel_spectrogram(window, self._model.dims.n_mels).to(self._model.device)
        _, chances = self._model.detect_language(mel.half() if self._is_half else mel)
        language = max(chances, key=chances.get)
        return str(language), float(chances[language])


def _device(wanted: str) -> str:
    has_gpu = wanted != "cpu" and bool(torch.cuda.is_available())
    if wanted == "cuda" and not has_gpu:
        raise GpuUnavailableError("the settings ask for cuda, but torch sees no GPU.")
    return "cuda" if has_gpu else "cpu"


class _WordFields(TypedDict):
    word: str
    start: float
    end: float
    probability: float


class _SegmentFields(TypedDict):
    start: float
    end: float
    text: str
    words: NotRequired[list[_WordFields]]


def _segment(fields: _SegmentFields) -> Segment:
    words = (
        Word(float(w["start"]), float(w["end"]), w["word"], float(w["probability"]))
        for w in fields.get("words", ())
    )
    return Segment(float(fields["start"]), float(fields["end"]), fields["text"], tuple(words))


class _Bar:
    """Stands in for the library's progress bar, which counts frames of 10 ms."""

    def __init__(self, on_position: Callable[[float], None]) -> None:
        self._on_position = on_position
        self._frames = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def update(self, frames: int) -> None:
        self._frames += frames
        self._on_position(self._frames / _FRAMES_PER_SECOND)


@contextmanager
def _told_of_progress(on_position: Callable[[float], None]) -> Iterator[None]:
    """The library has no hook for progress but the bar that it draws."""
    # Not `whisper.transcribe`: in the package, the function hides its module.
    names = vars(sys.modules["whisper.transcribe"])
    original = names["tqdm"]
    names["tqdm"] = SimpleNamespace(tqdm=lambda **_: _Bar(on_position))
    try:
        yield
    finally:
        names["tqdm"] = original
