"""pyannote.audio, for those who have installed it and hold its gated models."""

import gc
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Protocol, cast

from agent.model.work import PipelineSettings
from agent.pipelines.diarization.diarizer import OnPosition
from agent.pipelines.diarization.turns import SpeakerBounds, Turn, in_order_of_appearance
from agent.pipelines.spoken.pcm import SAMPLE_RATE
from agent.pipelines.spoken.recording import Recording
from agent.pipelines.spoken.span import Span


class UnusableError(Exception):
    """Says in one sentence why pyannote cannot be used on this box."""


class Timespan(Protocol):
    @property
    def start(self) -> float: ...
    @property
    def end(self) -> float: ...


class Annotation(Protocol):
    """What version 3 gives."""

    @property
    def itertracks(self) -> Callable[..., Iterator[tuple[Timespan, object, str]]]: ...


class Output(Protocol):
    """What version 4 gives."""

    @property
    def exclusive_speaker_diarization(self) -> Annotation:
        """Without overlaps: words belong to one speaker each."""


class Listener(Protocol):
    """A loaded pyannote pipeline."""

    def __call__(self, audio: Mapping[str, object], /, **bounds: int) -> Annotation | Output: ...

    def to(self, device: object, /) -> object: ...


class Load(Protocol):
    def __call__(self, model: str, device: str, /) -> Listener: ...


class PyannoteDiarizer:
    """Holds a recording in memory as a whole, as pyannote does: a quarter of a gigabyte an hour."""

    notice = ""

    def __init__(self, model: str, device: str, load: Load) -> None:
        self.name = f"pyannote {Path(model).name}"
        self._model, self._device, self._load = model, device, load
        self._listener: Listener | None = load(model, device)

    @property
    def held(self) -> tuple[str, ...]:
        return (self.name,) if self._listener else ()

    def unload(self) -> None:
        self._listener = None
        gc.collect()

    def leave_gpu(self) -> bool:
        self._move("cpu")
        return True

    def return_to_gpu(self) -> None:
        self._move(self._device)

    def _move(self, device: str) -> None:
        import torch

        if self._listener is not None:
            self._listener.to(torch.device(device))

    def turns(
        self,
        recording: Recording,
        speech: Sequence[Span],
        bounds: SpeakerBounds,
        on_position: OnPosition,
    ) -> tuple[Turn, ...]:
        import torch

        if not speech:
            return ()
        self._listener = self._listener or self._load(self._model, self._device)
        on_position(0.0)
        waveform = torch.from_numpy(recording.samples())[None]
        found = self._listener(
            {"waveform": waveform, "sample_rate": SAMPLE_RATE}, **_as_arguments(bounds)
        )
        on_position(recording.duration)
        return in_order_of_appearance(_turns(found))


def load_pyannote(
    settings: PipelineSettings, device: str, load: Load | None = None
) -> PyannoteDiarizer:
    """Raises `UnusableError`. Loads at once: only that shows whether it can be used."""
    model = settings.pyannote_model or ""
    path = Path(model).expanduser()
    if not path.exists() and (settings.offline or not settings.allow_download):
        raise UnusableError(
            f"no pyannote pipeline is at {model}: name a folder, or allow downloads."
        )
    try:
        return PyannoteDiarizer(str(path) if path.exists() else model, device, load or _load)
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:200]
        raise UnusableError(f"pyannote cannot be loaded ({reason}).") from error


def _load(model: str, device: str) -> Listener:
    # Its telemetry is on unless this is set before the import. A torchaudio that was built for
    # CUDA cannot be imported beside a torch without: that is an OSError.
    os.environ["PYANNOTE_METRICS_ENABLED"] = "0"  # noqa: TID251 - told to a library, not read
    import torch
    from pyannote.audio import Pipeline

    pipeline = Pipeline.from_pretrained(model)
    if pipeline is None:  # what version 3 says where the hub lets nobody in
        raise OSError(f"the hub does not give {model} to this user")
    loaded: Listener = pipeline.to(torch.device(device))
    return loaded


def _as_arguments(bounds: SpeakerBounds) -> dict[str, int]:
    if bounds.exact is not None:
        return {"num_speakers": bounds.exact}
    given = {"min_speakers": bounds.least}
    return given if bounds.most is None else given | {"max_speakers": bounds.most}


def _turns(found: Annotation | Output) -> Iterator[Turn]:
    exclusive: Annotation | None = getattr(found, "exclusive_speaker_diarization", None)
    annotation = cast("Annotation", found) if exclusive is None else exclusive
    for span, _, speaker in annotation.itertracks(yield_label=True):
        yield Turn(round(span.start, 3), round(span.end, 3), str(speaker))
