"""Hears who speaks within ten seconds: up to three voices, two of them at once, no names.

The network is pyannote's segmentation-3.0: sinc filters, two convolutions, four bidirectional
LSTMs and three linear layers. Its seven classes are sets of speakers: none, each of three alone,
and each pair.
"""

import itertools
import math

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from agent.pipelines.diarization.weights import Weights
from agent.pipelines.spoken.pcm import SAMPLE_RATE

WINDOW_S = 10.0
"""Seconds: what the network was trained on."""
LOCAL_SPEAKERS = 3
_AT_ONCE = 2
_STRIDE, _KERNEL = 10, 251
_STEP = _STRIDE * 3**3
_FIELD = 991
"""Samples that one frame sees: those of the sinc filters, widened by the layers over them."""
FRAME_S = _STEP / SAMPLE_RATE
FIRST_FRAME_S = 0.5 * _FIELD / SAMPLE_RATE
"""The middle of the first frame."""
_LOWEST_HZ, _NARROWEST_HZ = 50.0, 50.0

Activity = npt.NDArray[np.bool_]
"""Windows by frames by local speakers: who is heard."""


class SegmentationNetwork:
    def __init__(self, weights: Weights, device: str) -> None:
        self._weights = {name: tensor.to(device) for name, tensor in weights.items()}
        self._device = device
        self._filters = _sinc_filters(weights).to(device)
        self._lstm = _lstm(weights).to(device)
        self._sets = _speaker_sets()

    def activity(self, windows: npt.NDArray[np.float32]) -> Activity:
        """Of windows by samples, each ten seconds long."""
        with torch.inference_mode():
            scores = self._scores(torch.from_numpy(windows).to(self._device))
        heard: Activity = self._sets[scores.argmax(-1).cpu().numpy()]
        return heard

    def _scores(self, windows: torch.Tensor) -> torch.Tensor:
        weights = self._weights
        x = self._normalized(windows[:, None], "sincnet.wav_norm1d")
        x = functional.conv1d(x, self._filters, stride=_STRIDE).abs()
        x = self._pooled(x, 0)
        for layer in (1, 2):
            name = f"sincnet.conv1d.{layer}"
            x = functional.conv1d(x, weights[f"{name}.weight"], weights[f"{name}.bias"])
            x = self._pooled(x, layer)
        x, _ = self._lstm(x.transpose(1, 2))
        for layer in (0, 1):
            x = functional.leaky_relu(self._linear(x, f"linear.{layer}"))
        return self._linear(x, "classifier")

    def _pooled(self, x: torch.Tensor, layer: int) -> torch.Tensor:
        pooled = functional.max_pool1d(x, 3)
        return functional.leaky_relu(self._normalized(pooled, f"sincnet.norm1d.{layer}"))

    def _normalized(self, x: torch.Tensor, name: str) -> torch.Tensor:
        weight, bias = self._weights[f"{name}.weight"], self._weights[f"{name}.bias"]
        return functional.instance_norm(x, weight=weight, bias=bias)

    def _linear(self, x: torch.Tensor, name: str) -> torch.Tensor:
        return functional.linear(x, self._weights[f"{name}.weight"], self._weights[f"{name}.bias"])


def _sinc_filters(weights: Weights) -> torch.Tensor:
    """Band-pass filters from their learned edges: each as a cosine and as a sine, windowed."""
    part = {name: weights[f"sincnet.conv1d.0.filterbank.{name}"] for name in _FILTER_PARTS}
    low = _LOWEST_HZ + part["low_hz_"].abs()
    high = low + _NARROWEST_HZ + part["band_hz_"].abs()
    high = high.clamp(_LOWEST_HZ, SAMPLE_RATE / 2)
    half = torch.arange(-(_KERNEL // 2), 0.0)[None] * (2 * math.pi / SAMPLE_RATE)
    scale = part["window_"] / (half / 2) / (2 * (high - low))
    even = ((high * half).sin() - (low * half).sin()) * scale
    odd = ((low * half).cos() - (high * half).cos()) * scale
    middle = torch.ones_like(low)
    cosines = torch.cat([even, middle, even.flip(1)], 1)
    sines = torch.cat([odd, torch.zeros_like(low), -odd.flip(1)], 1)
    return torch.cat([cosines, sines])[:, None]


_FILTER_PARTS = ("low_hz_", "band_hz_", "window_")


def _lstm(weights: Weights) -> torch.nn.LSTM:
    lstm = torch.nn.LSTM(60, 128, num_layers=4, bidirectional=True, batch_first=True)
    own = {n.removeprefix("lstm."): t for n, t in weights.items() if n.startswith("lstm.")}
    lstm.load_state_dict(own)
    return lstm.eval()


def _speaker_sets() -> Activity:
    """Classes by local speakers: who speaks in each of the network's classes."""
    sets = [
        chosen
        for size in range(_AT_ONCE + 1)
        for chosen in itertools.combinations(range(LOCAL_SPEAKERS), size)
    ]
    return np.array([[speaker in chosen for speaker in range(LOCAL_SPEAKERS)] for chosen in sets])
