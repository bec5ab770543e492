"""What the voice network sees: 80 mel energies every 10 ms, computed as Kaldi does."""

import math
from functools import cached_property

import numpy as np
import numpy.typing as npt
import torch

from agent.pipelines.spoken.pcm import SAMPLE_RATE

FRAME_S = 0.01
BANDS = 80
_SHIFT = SAMPLE_RATE // 100
_LENGTH = SAMPLE_RATE // 40
_FFT = 512
_LOWEST_HZ = 20.0
_PREEMPHASIS = 0.97
_WINDOW_POWER = 0.85
"""A Hann window to this power is what Kaldi calls Povey's."""
_FLOOR = float(np.finfo(np.float32).eps)


class MelEnergies:
    def __init__(self, device: str) -> None:
        self._device = device

    def of(self, samples: npt.NDArray[np.float32]) -> torch.Tensor:
        """Frames by bands, logarithmic, of at least 25 ms."""
        frames = torch.from_numpy(samples).to(self._device).unfold(0, _LENGTH, _SHIFT)
        frames = frames - frames.mean(1, keepdim=True)
        before = torch.cat([frames[:, :1], frames[:, :-1]], 1)
        spectrum = torch.fft.rfft((frames - _PREEMPHASIS * before) * self._window, _FFT)
        power = spectrum.real**2 + spectrum.imag**2
        return (power @ self._bank).clamp_min(_FLOOR).log()

    @cached_property
    def _window(self) -> torch.Tensor:
        hann = torch.hann_window(_LENGTH, periodic=False, device=self._device)
        return hann**_WINDOW_POWER

    @cached_property
    def _bank(self) -> torch.Tensor:
        """Frequencies by bands: triangles that are straight on the mel scale."""
        edges = np.linspace(_mel(_LOWEST_HZ), _mel(SAMPLE_RATE / 2), BANDS + 2)
        mels = np.array([_mel(k * SAMPLE_RATE / _FFT) for k in range(_FFT // 2 + 1)])
        rise = (mels[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
        fall = (edges[2:] - mels[:, None]) / (edges[2:] - edges[1:-1])
        bank = np.maximum(0.0, np.minimum(rise, fall)).astype(np.float32)
        return torch.from_numpy(bank).to(self._device)


def _mel(hertz: float) -> float:
    return 1127.0 * math.log1p(hertz / 700.0)
