"""Turns clips of speech into voices: vectors that are close where one person speaks.

The network is CAM++: residual convolutions over the spectrum, then densely connected layers over
time, each gated by what it hears in the second around it. Batch norms are folded into the
convolutions before them at load.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from agent.pipelines.diarization.weights import Weights

DIMENSIONS = 192
_EPSILON = 1e-5
_GROWTH = 32
_CONTEXT = 100
"""Frames, of 20 ms: the stretch whose mean gates a layer."""

_LAYOUT = torch.channels_last
"""A quarter less work for the residual convolutions on a processor."""

Voices = npt.NDArray[np.float32]
"""Clips by 192, each of length 1."""


@dataclass(frozen=True, slots=True)
class _Conv:
    weight: torch.Tensor
    bias: torch.Tensor | None


@dataclass(frozen=True, slots=True)
class _Scaling:
    scale: torch.Tensor
    shift: torch.Tensor

    def rectified(self, x: torch.Tensor) -> torch.Tensor:
        """Of batch by channels by time."""
        return torch.addcmul(self.shift[:, None], x, self.scale[:, None]).relu_()


@dataclass(frozen=True, slots=True)
class _Residual:
    first: _Conv
    second: _Conv
    shortcut: _Conv | None

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        stride = (2, 1) if self.shortcut else (1, 1)
        y = functional.conv2d(x, self.first.weight, self.first.bias, stride, 1).relu_()
        y = functional.conv2d(y, self.second.weight, self.second.bias, 1, 1)
        if self.shortcut:
            x = functional.conv2d(x, self.shortcut.weight, self.shortcut.bias, stride)
        return (y + x).relu_()


@dataclass(frozen=True, slots=True)
class _Gated:
    """One dense layer: it adds 32 channels to all that came before it."""

    entry: _Scaling
    narrow: _Conv
    local: _Conv
    squeeze: _Conv
    gate: _Conv
    dilation: int

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        y = functional.conv1d(self.entry.rectified(x), *_of(self.narrow)).relu_()
        nearby = functional.avg_pool1d(y, _CONTEXT, _CONTEXT, ceil_mode=True)
        context = y.mean(-1, keepdim=True) + nearby  # one column a stretch: the gate is constant
        context = functional.conv1d(context, *_of(self.squeeze)).relu_()
        gates = functional.conv1d(context, *_of(self.gate)).sigmoid_()
        heard = functional.conv1d(
            y, *_of(self.local), padding=self.dilation, dilation=self.dilation
        )
        return heard * gates.repeat_interleave(_CONTEXT, dim=-1)[..., : y.shape[-1]]


@dataclass(frozen=True, slots=True)
class _Dense:
    layers: tuple[_Gated, ...]
    entry: _Scaling
    narrow: _Conv

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        channels = x.shape[1]
        wide = x.new_empty(x.shape[0], channels + _GROWTH * len(self.layers), x.shape[2])
        wide[:, :channels] = x
        for layer in self.layers:
            wide[:, channels : channels + _GROWTH] = layer(wide[:, :channels])
            channels += _GROWTH
        return functional.conv1d(self.entry.rectified(wide), *_of(self.narrow))


def unit(vectors: Voices) -> Voices:
    """The same directions, each of length 1."""
    lengths: Voices = np.linalg.norm(vectors, axis=-1, keepdims=True)
    scaled: Voices = (vectors / np.maximum(lengths, 1e-9)).astype(np.float32)
    return scaled


class VoiceNetwork:
    def __init__(self, weights: Weights, device: str) -> None:
        given = _Given({name: tensor.to(device) for name, tensor in weights.items()})
        self._device = device
        self._first = given.folded("head.conv1", "head.bn1")
        self._residuals = tuple(
            given.residual(f"head.layer{n}.{k}") for n in (1, 2) for k in (0, 1)
        )
        self._last = given.folded("head.conv2", "head.bn2")
        self._entry = given.folded("xvector.tdnn.linear", "xvector.tdnn.nonlinear.batchnorm")
        self._blocks = tuple(
            given.dense(number, layers, dilation)
            for number, layers, dilation in ((1, 12, 1), (2, 24, 2), (3, 16, 2))
        )
        self._exit = given.scaling("xvector.out_nonlinear.batchnorm")
        self._voice = given.folded("xvector.dense.linear", "xvector.dense.nonlinear.batchnorm")

    def voices(self, clips: torch.Tensor) -> Voices:
        """Of clips by frames by mel bands; the clips of one call are equally long."""
        with torch.inference_mode():
            vectors = self._forward((clips - clips.mean(1, keepdim=True)).to(self._device))
            unit = functional.normalize(vectors, dim=1)
        found: Voices = unit.cpu().numpy()
        return found

    def _forward(self, clips: torch.Tensor) -> torch.Tensor:
        x = clips.transpose(1, 2)[:, None].contiguous(memory_format=_LAYOUT)
        x = functional.conv2d(x, *_of(self._first), padding=1).relu_()
        for residual in self._residuals:
            x = residual(x)
        x = functional.conv2d(x, *_of(self._last), stride=(2, 1), padding=1).relu_()
        x = functional.conv1d(x.flatten(1, 2), *_of(self._entry), stride=2, padding=2).relu_()
        for block in self._blocks:
            x = block(x)
        x = self._exit.rectified(x)
        summary = torch.cat([x.mean(-1), x.std(-1)], 1)
        return functional.conv1d(summary[..., None], *_of(self._voice))[..., 0]


def _of(conv: _Conv) -> Iterator[torch.Tensor | None]:
    yield conv.weight
    yield conv.bias


@dataclass(frozen=True, slots=True)
class _Given:
    """Reads layers out of the weights, by their names there."""

    weights: Weights

    def conv(self, name: str) -> _Conv:
        return _Conv(self.weights[f"{name}.weight"], self.weights.get(f"{name}.bias"))

    def scaling(self, name: str) -> _Scaling:
        deviation = (self.weights[f"{name}.running_var"] + _EPSILON).sqrt()
        scale = self.weights.get(f"{name}.weight", torch.ones_like(deviation)) / deviation
        shift = -self.weights[f"{name}.running_mean"] * scale
        return _Scaling(scale, shift + self.weights.get(f"{name}.bias", 0.0))

    def folded(self, conv: str, norm: str) -> _Conv:
        """A convolution without bias and the batch norm after it, as one with bias."""
        weight, scaling = self.weights[f"{conv}.weight"], self.scaling(norm)
        by_channel = scaling.scale.reshape(-1, *[1] * (weight.dim() - 1))
        return _Conv(weight * by_channel, scaling.shift)

    def residual(self, name: str) -> _Residual:
        has_shortcut = f"{name}.shortcut.0.weight" in self.weights
        return _Residual(
            self.folded(f"{name}.conv1", f"{name}.bn1"),
            self.folded(f"{name}.conv2", f"{name}.bn2"),
            self.folded(f"{name}.shortcut.0", f"{name}.shortcut.1") if has_shortcut else None,
        )

    def dense(self, number: int, layers: int, dilation: int) -> _Dense:
        block, transit = f"xvector.block{number}", f"xvector.transit{number}"
        return _Dense(
            tuple(self._gated(f"{block}.tdnnd{n}", dilation) for n in range(1, layers + 1)),
            self.scaling(f"{transit}.nonlinear.batchnorm"),
            self.conv(f"{transit}.linear"),
        )

    def _gated(self, name: str, dilation: int) -> _Gated:
        return _Gated(
            self.scaling(f"{name}.nonlinear1.batchnorm"),
            self.folded(f"{name}.linear1", f"{name}.nonlinear2.batchnorm"),
            self.conv(f"{name}.cam_layer.linear_local"),
            self.conv(f"{name}.cam_layer.linear1"),
            self.conv(f"{name}.cam_layer.linear2"),
            dilation,
        )
