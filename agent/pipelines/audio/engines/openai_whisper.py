"""openai-whisper: the original, on torch."""

import sys
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Self

import torch
import whisper
from whisper.tokenizer import LANGUAGES

from agent.model.work import PipelineSettings
from agent.pipelines.audio.engines.checkpoint import convert, read_alignment_heads
from agent.pipelines.audio.engines.engine import NoOtherTypeError, Request, Tell
from agent.pipelines.audio.engines.openai_windows import WindowCutter, segment_of
from agent.pipelines.models.choice import EngineName
from agent.pipelines.models.devices import torch_device
from agent.pipelines.models.files import converted, ct2_folder
from agent.pipelines.models.memory import limit_torch, openai_whisper_need
from agent.pipelines.models.placing import Place
from agent.pipelines.models.search import Form, Model
from agent.pipelines.spoken.recording import Samples
from agent.pipelines.spoken.transcript import Loaded, Segment

_FRAMES_PER_SECOND = 100


def load(
    settings: PipelineSettings,
    *,
    unfit: Collection[str] = (),
    tell: Tell = lambda _said: None,
) -> "OpenAiWhisper":
    device = torch_device(settings.device)
    compute_type = "float16" if device == "cuda" else "float32"
    if compute_type in unfit:
        raise NoOtherTypeError(f"openai-whisper computes with {compute_type} alone on {device}.")
    if settings.threads:
        torch.set_num_threads(settings.threads)
    if device == "cuda":
        limit_torch(settings, torch.cuda)
    place = Place(EngineName.OPENAI_WHISPER, device, (compute_type,), openai_whisper_need)
    placed = place.find(settings, tell)
    engine = OpenAiWhisper(placed.model.name, _load(placed.model, settings, device), device)
    engine.windows_at_once = placed.windows_at_once
    return engine


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
        self.windows_at_once = 1

    def leave_gpu(self) -> bool:
        self._model.to("cpu")
        return True

    def return_to_gpu(self) -> None:
        self._model.to(self.loaded.device)

    def detect_language(self, samples: Samples) -> Mapping[str, float]:
        if not self._model.is_multilingual:
            return {"en": 1.0}
        _, likely = self._model.detect_language(self._spectrogram(samples))
        return {str(code): float(chance) for code, chance in likely.items()}

    def transcribe(
        self, samples: Samples, request: Request, on_position: Callable[[float], None]
    ) -> tuple[Segment, ...]:
        with _told_of_progress(on_position):
            result = self._model.transcribe(
                samples,
                language=request.language,
                task=request.task,
                word_timestamps=request.word_timestamps,
                initial_prompt=request.initial_prompt,
                beam_size=None if request.is_frugal else request.beam_size,
                temperature=request.temperatures,
                fp16=self._is_half,
            )
        return tuple(segment_of(fields) for fields in result["segments"])

    def transcribe_together(
        self, parts: Sequence[Samples], request: Request
    ) -> tuple[tuple[Segment, ...], ...]:
        spectrograms = torch.stack([self._spectrogram(part) for part in parts])
        results = whisper.decode(
            self._model,
            spectrograms,
            whisper.DecodingOptions(
                task=request.task,
                language=request.language,
                temperature=request.temperatures[0],
                beam_size=None if request.is_frugal else request.beam_size,
                prompt=request.initial_prompt,
                fp16=self._is_half,
            ),
        )
        cutter = WindowCutter(self._model, request)
        return tuple(
            cutter.segments(result, spectrogram, len(part))
            for result, spectrogram, part in zip(results, spectrograms, parts, strict=True)
        )

    def _spectrogram(self, samples: Samples) -> torch.Tensor:
        """Of the first 30 s."""
        window = whisper.pad_or_trim(samples)
        plain = whisper.log_mel_spectrogram(window, self._model.dims.n_mels)
        ours = plain.to(self._model.device)
        return ours.half() if self._is_half else ours


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
