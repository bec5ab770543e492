"""Reads the weights of both networks, in a way that runs no code out of their files."""

from collections.abc import Mapping
from pathlib import Path

import torch

from agent.pipelines.diarization.shipped import SEGMENTATION, VOICES, shipped_file

Weights = Mapping[str, torch.Tensor]


def segmentation_weights() -> Weights:
    """Of pyannote's segmentation-3.0 (MIT)."""
    weights: Weights = _load(SEGMENTATION)["state_dict"]
    return weights


def voice_weights() -> Weights:
    """Of CAM++, trained on Chinese and English speakers (Apache-2.0)."""
    return _load(VOICES)


def _load(file: Path) -> Mapping[str, torch.Tensor]:
    loaded: Mapping[str, torch.Tensor] = torch.load(
        shipped_file(file), map_location="cpu", weights_only=True
    )
    return loaded
