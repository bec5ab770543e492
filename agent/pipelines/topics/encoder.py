"""Sentences as vectors that are close where the meaning is: all-MiniLM-L6-v2 (Apache-2.0) in NumPy.

Six layers of 384 need no framework: this loads in a twentieth of the time and of the memory that
sentence-transformers takes, and speech has a few sentences a minute.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file
from scipy.special import erf
from threadpoolctl import threadpool_limits
from tokenizers import Tokenizer

from agent.pipelines.topics.shipped import TOKENIZER, WEIGHTS

Array = npt.NDArray[np.float32]
DIMENSIONS = 384
_LAYERS, _HEADS, _HEAD = 6, 12, 32
_EPSILON = np.float32(1e-12)
_LONGEST = 128
"""Tokens; about a hundred words."""
_BATCH = 16
_HIDDEN = np.float32(-1e9)


class SentenceEncoder:
    def __init__(self, folder: Path) -> None:
        weights: Mapping[str, Array] = load_file(folder / WEIGHTS)
        self._embeddings = _Embeddings(weights)
        self._layers = tuple(_Layer(weights, number) for number in range(_LAYERS))
        self._tokenizer = Tokenizer.from_file(str(folder / TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_LONGEST)

    def vectors(self, sentences: Sequence[str]) -> Array:
        """Sentences by 384, each of length 1."""
        tokens = [encoding.ids for encoding in self._tokenizer.encode_batch(list(sentences))]
        vectors = np.zeros((len(tokens), DIMENSIONS), np.float32)
        by_length = sorted(range(len(tokens)), key=lambda place: len(tokens[place]))
        # A second thread gains little on matrices this small, and on a busy box it spends three
        # times the work waiting for its turn.
        with threadpool_limits(1, user_api="blas"):
            for first in range(0, len(by_length), _BATCH):
                places = by_length[first : first + _BATCH]
                vectors[places] = self._encoded([tokens[place] for place in places])
        return vectors

    def _encoded(self, sentences: Sequence[Sequence[int]]) -> Array:
        longest = max(map(len, sentences))
        tokens = np.zeros((len(sentences), longest), np.intp)
        is_token = np.zeros(tokens.shape, np.bool_)
        for row, sentence in enumerate(sentences):
            tokens[row, : len(sentence)] = sentence
            is_token[row, : len(sentence)] = True
        x = self._embeddings(tokens)
        hidden = np.where(is_token, np.float32(0), _HIDDEN)[:, None, None]
        for layer in self._layers:
            x = layer(x, hidden)
        total: Array = (x * is_token[..., None]).sum(1)
        unit: Array = total / np.linalg.norm(total, axis=1, keepdims=True)
        return unit


class _Embeddings:
    def __init__(self, weights: Mapping[str, Array]) -> None:
        self._words = weights["embeddings.word_embeddings.weight"]
        kind = weights["embeddings.token_type_embeddings.weight"][0]
        self._positions = weights["embeddings.position_embeddings.weight"] + kind
        self._norm = _Norm(weights, "embeddings.LayerNorm")

    def __call__(self, tokens: npt.NDArray[np.intp]) -> Array:
        return self._norm(self._words[tokens] + self._positions[: tokens.shape[1]])


class _Layer:
    def __init__(self, weights: Mapping[str, Array], number: int) -> None:
        name = f"encoder.layer.{number}"
        heads = [f"{name}.attention.self.{part}" for part in ("query", "key", "value")]
        self._project = _Linear(weights, *heads)
        self._mix = _Linear(weights, f"{name}.attention.output.dense")
        self._mixed = _Norm(weights, f"{name}.attention.output.LayerNorm")
        self._widen = _Linear(weights, f"{name}.intermediate.dense")
        self._narrow = _Linear(weights, f"{name}.output.dense")
        self._done = _Norm(weights, f"{name}.output.LayerNorm")

    def __call__(self, x: Array, hidden: Array) -> Array:
        x = self._mixed(x + self._mix(self._attended(x, hidden)))
        return self._done(x + self._narrow(_gelu(self._widen(x))))

    def _attended(self, x: Array, hidden: Array) -> Array:
        count, length, _ = x.shape
        shape = (count, length, 3, _HEADS, _HEAD)
        query, key, value = self._project(x).reshape(shape).transpose(2, 0, 3, 1, 4)
        scores = query @ key.swapaxes(-1, -2) * np.float32(1 / math.sqrt(_HEAD)) + hidden
        weights = np.exp(scores - scores.max(-1, keepdims=True))
        weights /= weights.sum(-1, keepdims=True)
        attended: Array = (weights @ value).swapaxes(1, 2).reshape(x.shape)
        return attended


class _Linear:
    """One matrix, or several side by side."""

    def __init__(self, weights: Mapping[str, Array], *names: str) -> None:
        matrices = [weights[f"{name}.weight"] for name in names]
        self._matrix = np.ascontiguousarray(np.concatenate(matrices).T)
        self._bias = np.concatenate([weights[f"{name}.bias"] for name in names])

    def __call__(self, x: Array) -> Array:
        flat = x.reshape(-1, x.shape[-1]) @ self._matrix  # one product, not one a sentence
        flat += self._bias
        return flat.reshape(*x.shape[:-1], -1)


class _Norm:
    def __init__(self, weights: Mapping[str, Array], name: str) -> None:
        self._weight, self._bias = weights[f"{name}.weight"], weights[f"{name}.bias"]

    def __call__(self, x: Array) -> Array:
        centered = x - x.mean(-1, keepdims=True)
        variance = np.square(centered).mean(-1, keepdims=True)
        result: Array = centered / np.sqrt(variance + _EPSILON) * self._weight + self._bias
        return result


def _gelu(x: Array) -> Array:
    half: Array = erf(x * np.float32(math.sqrt(0.5)))
    half += 1
    half *= x
    half *= np.float32(0.5)
    return half
