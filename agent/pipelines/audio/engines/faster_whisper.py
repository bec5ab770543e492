"""faster-whisper: Whisper on CTranslate2. Several times faster than the original, no torch."""

import ctypes
from collections.abc import Callable, Collection
from contextlib import suppress
from pathlib import Path

import ctranslate2  # type: ignore[import-untyped]
from faster_whisper import WhisperModel, download_model

from agent.model.work import PipelineSettings
from agent.pipelines.audio.decoding import Samples
from agent.pipelines.audio.engines.engine import Heard, Request
from agent.pipelines.audio.transcript import Loaded, Segment, Word
from agent.pipelines.errors import GpuUnavailableError
from agent.pipelines.models.choice import EngineName, find_model, name_to_download
from agent.pipelines.models.files import ct2_folder
from agent.pipelines.models.search import package_folder

_BEAM_SIZE, _BEST_OF = 5, 5
_COMPUTE_TYPES = {"cpu": ("int8", "float32"), "cuda": ("float16", "int8_float32", "float32")}
"""The first that the device can do: old GPUs have no float16."""
_FRUGAL_TYPES = {"cpu": ("int8", "float32"), "cuda": ("int8_float16", "int8_float32", "float32")}
"""Weights of half the size, and a little less exact."""
_CUBLAS = ("libcublasLt.so.12", "libcublas.so.12")


def load(settings: PipelineSettings, *, is_frugal: bool = False) -> "FasterWhisper":
    device = _device(settings.device)
    model = find_model(settings, EngineName.FASTER_WHISPER, device)
    if model is None:
        name = name_to_download(settings, device)
        mine = settings.models_folder
        folder = Path(download_model(name, output_dir=str(Path(mine) / name) if mine else None))
    else:
        name, folder = model.name, ct2_folder(model, settings)
    compute_type = choose_compute_type(device, is_frugal=is_frugal)
    return FasterWhisper(name, folder, device, compute_type, settings.threads)


def choose_compute_type(device: str, *, is_frugal: bool) -> str:
    can = ctranslate2.get_supported_compute_types(device)
    wanted = _FRUGAL_TYPES if is_frugal else _COMPUTE_TYPES
    return next(kind for kind in wanted[device] if kind in can)


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

    def transcribe(
        self, samples: Samples, request: Request, on_position: Callable[[float], None]
    ) -> Heard:
        # No VAD filter, and each window sees the text before it: measured best. Batched decoding
        # is faster on a GPU but, as the library ships it, loses speech between speakers.
        found, info = self._model.transcribe(
            samples,
            language=request.language,
            task=request.task,
            word_timestamps=request.word_timestamps,
            initial_prompt=request.initial_prompt,
            beam_size=1 if request.is_frugal else request.beam_size or _BEAM_SIZE,
            best_of=1 if request.is_frugal else _BEST_OF,
            temperature=request.temperatures,
        )
        segments = []
        for segment in found:
            words = tuple(Word(w.start, w.end, w.word, w.probability) for w in segment.words or ())
            segments.append(Segment(segment.start, segment.end, segment.text, words))
            on_position(float(segment.end))
        return Heard(tuple(segments), str(info.language), float(info.language_probability))


def _device(wanted: str) -> str:
    if wanted == "cpu":
        return "cpu"
    _preload_cublas()
    has_gpu = ctranslate2.get_cuda_device_count() > 0
    if wanted == "cuda" and not has_gpu:
        raise GpuUnavailableError("the settings ask for cuda, but CTranslate2 sees no GPU.")
    return "cuda" if has_gpu else "cpu"


def _preload_cublas() -> None:
    """CTranslate2 looks for CUDA 12's cuBLAS by name; a pip package keeps it where nobody looks."""
    try:
        package = package_folder("nvidia.cublas")
    except ModuleNotFoundError:
        return
    for library in _CUBLAS:
        with suppress(OSError):
            ctypes.CDLL(str((package or Path()) / "lib" / library), mode=ctypes.RTLD_GLOBAL)
