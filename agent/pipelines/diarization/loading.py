"""Chooses what tells speakers apart; nothing heavy is imported before it is wanted."""

from importlib.util import find_spec

from agent.model.work import PipelineSettings
from agent.pipelines.diarization.diarizer import Diarizer
from agent.pipelines.diarization.shipped import SEGMENTATION, are_shipped, shipped_file
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.models.devices import torch_device

_LIBRARIES = ("numpy", "scipy", "torch")


def diarization_is_possible(settings: PipelineSettings) -> bool:
    """Judged by what is installed."""
    if any(find_spec(library) is None for library in _LIBRARIES):
        return False
    return are_shipped() or (settings.pyannote_model is not None and _pyannote_is_installed())


def load_diarizer(settings: PipelineSettings) -> Diarizer:
    """Load what the settings name where it can be used, else the built-in one.

    Its `notice` says why it is not pyannote's, where the settings ask for that.
    """
    missing = [library for library in _LIBRARIES if find_spec(library) is None]
    if missing:
        raise EngineUnavailableError(
            f"speakers cannot be told apart here: run `pip install {' '.join(missing)}`."
        )
    device = _device(settings)
    if settings.pyannote_model is None:
        return _built_in(device)
    from agent.pipelines.diarization.pyannote import UnusableError, load_pyannote

    try:
        return load_pyannote(settings, device)
    except UnusableError as error:
        return _built_in(device, f"{error} The built-in models told the speakers apart instead.")


def _built_in(device: str, notice: str = "") -> Diarizer:
    from agent.pipelines.diarization.builtin import BuiltInDiarizer

    shipped_file(SEGMENTATION)  # better told now than after an hour of transcription
    return BuiltInDiarizer(device, notice)


def _device(settings: PipelineSettings) -> str:
    import torch

    if settings.threads:
        torch.set_num_threads(settings.threads)
    return torch_device(settings.device)


def _pyannote_is_installed() -> bool:
    try:
        return find_spec("pyannote.audio") is not None
    except ModuleNotFoundError:  # not even the namespace is there
        return False
