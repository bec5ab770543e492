"""faster-whisper: Whisper on CTranslate2. Several times faster than the original, no torch."""

import time  # noqa: TID251 - to sleep
from collections.abc import Callable, Collection, Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import TypedDict

import ctranslate2  # type: ignore[import-untyped]
import numpy as np
from faster_whisper import BatchedInferencePipeline, WhisperModel
from faster_whisper.transcribe import Segment as TheirSegment

from agent.model.work import PipelineSettings
from agent.pipelines.audio.engines import cublas
from agent.pipelines.audio.engines.engine import NoOtherTypeError, Request, Tell
from agent.pipelines.errors import GpuUnavailableError
from agent.pipelines.models.choice import EngineName
from agent.pipelines.models.files import ct2_folder
from agent.pipelines.models.memory import faster_whisper_need
from agent.pipelines.models.placing import Place
from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.recording import Samples
from agent.pipelines.spoken.transcript import Loaded, Segment, Word

_BEAM_SIZE, _BEST_OF = 5, 5
_COMPUTE_TYPES = {
    "cpu": ("int8", "float32"),
    "cuda": ("float16", "int8_float16", "int8_float32", "float32"),
}
"""The first that the device can do and that fits: old GPUs have no float16."""
_FRUGAL_TYPES = {"cpu": ("int8", "float32"), "cuda": ("int8_float16", "int8_float32", "float32")}
"""Weights of half the size, and a little less exact."""
_TRIES, _A_MOMENT = 50, 0.002
"""Seconds apart: a library that is busy leaves the model where it is, and says nothing."""


def load(
    settings: PipelineSettings,
    *,
    is_frugal: bool = False,
    unfit: Collection[str] = (),
    tell: Tell = lambda _said: None,
) -> "FasterWhisper":
    device = _device(settings.device)
    types = compute_types(device, is_frugal=is_frugal, unfit=unfit)
    if not types:
        raise NoOtherTypeError(f"{device} computes with none but {', '.join(unfit)}.")
    place = Place(EngineName.FASTER_WHISPER, device, types, faster_whisper_need)
    placed = place.find(settings, tell)
    folder = ct2_folder(placed.model, settings)
    engine = FasterWhisper(placed.model.name, folder, device, placed.compute_type, settings.threads)
    engine.windows_at_once = 1 if is_frugal else placed.windows_at_once
    return engine


def compute_types(device: str, *, is_frugal: bool, unfit: Collection[str] = ()) -> tuple[str, ...]:
    """Those that the device can do and that are not unfit, best first."""
    can = ctranslate2.get_supported_compute_types(device)
    wanted = _FRUGAL_TYPES if is_frugal else _COMPUTE_TYPES
    return tuple(kind for kind in wanted[device] if kind in can and kind not in unfit)


class FasterWhisper:
    def __init__(
        self, name: str, folder: Path, device: str, compute_type: str, threads: int
    ) -> None:
        self._model = WhisperModel(
            str(folder), device=device, compute_type=compute_type, cpu_threads=threads
        )
        self.loaded = Loaded(
            engine=EngineName.FASTER_WHISPER.value,
            model=name,
            device=device,
            compute_type=compute_type,
        )
        self.languages: Collection[str] = tuple(self._model.supported_languages)
        self.windows_at_once = 1
        """That fit into the GPU's memory; on the processor 1, where batches gain nothing."""

    def leave_gpu(self) -> bool:
        """On a processor, too: what waits needs no memory. There it is read from disk again."""
        model = self._model.model
        for _ in range(_TRIES):
            model.unload_model(to_cpu=self.loaded.device == "cuda")
            if not model.model_is_loaded:
                return True
            # The thread that has just given us its result may still be putting its tools away.
            time.sleep(_A_MOMENT)
        return False

    def return_to_gpu(self) -> None:
        self._model.model.load_model()

    def detect_language(self, samples: Samples) -> Mapping[str, float]:
        if not self._model.model.is_multilingual:
            return {"en": 1.0}
        _, _, likely = self._model.detect_language(samples)
        return {str(code): float(chance) for code, chance in likely}

    def transcribe(
        self, samples: Samples, request: Request, on_position: Callable[[float], None]
    ) -> tuple[Segment, ...]:
        # No VAD filter, and each window sees the text before it: measured best.
        found, _ = self._model.transcribe(
            samples, **_wishes(request), temperature=request.temperatures
        )
        segments = []
        for segment in found:
            segments.append(_segment(segment))
            on_position(float(segment.end))
        return tuple(segments)

    def transcribe_together(
        self, parts: Sequence[Samples], request: Request
    ) -> tuple[tuple[Segment, ...], ...]:
        # As the library ships it, its own cuts glue speakers together and lose speech: here the
        # cuts are the caller's, and time stamps show where the model gave up.
        firsts = [0, *np.cumsum([len(part) for part in parts]).tolist()]
        found, _ = BatchedInferencePipeline(self._model).transcribe(
            np.concatenate(parts),
            **_wishes(request),
            temperature=request.temperatures[0],
            clip_timestamps=[_clip(*pair) for pair in pairwise(firsts)],
            without_timestamps=False,
            batch_size=len(parts),
        )
        segments = [(segment.seek, _segment(segment)) for segment in found]
        starts = [first / SAMPLE_RATE for first in firsts[:-1]]
        # Not by their own times: a segment may reach into the next clip.
        return tuple(
            tuple(one.shifted(-start) for seek, one in segments if seek == self._seek(start))
            for start in starts
        )

    def _seek(self, start: float) -> int:
        """The name that the library gives to the clip there."""
        return int(start * self._model.frames_per_second)


def _clip(first: int, after: int) -> dict[str, float]:
    """Half a sample late, or rounding down might lose one, and the library asserts that none is."""
    return {"start": (first + 0.5) / SAMPLE_RATE, "end": (after + 0.5) / SAMPLE_RATE}


def _wishes(request: Request) -> "_Wishes":
    return {
        "language": request.language,
        "task": request.task,
        "word_timestamps": request.word_timestamps,
        "initial_prompt": request.initial_prompt,
        "beam_size": 1 if request.is_frugal else request.beam_size or _BEAM_SIZE,
        "best_of": 1 if request.is_frugal else _BEST_OF,
    }


class _Wishes(TypedDict):
    language: str
    task: str
    word_timestamps: bool
    initial_prompt: str | None
    beam_size: int
    best_of: int


def _segment(found: TheirSegment) -> Segment:
    words = tuple(Word(w.start, w.end, w.word, w.probability) for w in found.words or ())
    doubt = float(found.no_speech_prob)
    return Segment(float(found.start), float(found.end), found.text, words, no_speech=doubt)


def _device(wanted: str) -> str:
    if wanted == "cpu":
        return "cpu"
    cublas.preload()
    has_gpu = ctranslate2.get_cuda_device_count() > 0
    if wanted == "cuda" and not has_gpu:
        raise GpuUnavailableError("the settings ask for cuda, but CTranslate2 sees no GPU.")
    return "cuda" if has_gpu else "cpu"
