"""Converts a CTranslate2 Whisper model into a checkpoint of openai-whisper, weight for weight.

Models are easier to find in CTranslate2's form, and this way both engines run from one copy.
"""

import base64
import gzip
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO, cast

import numpy as np
import torch

from agent.pipelines.audio.engines.ctranslate2_file import NotAModelError, Variables, read_variables
from agent.pipelines.errors import EngineUnavailableError

_MODULES: Mapping[str, tuple[str, ...]] = {
    "conv1": ("conv1",),
    "conv2": ("conv2",),
    "position_encodings": ("positional_embedding",),
    "embeddings": ("token_embedding",),
    "ffn/linear_0": ("mlp.0",),
    "ffn/linear_1": ("mlp.2",),
    "ffn/layer_norm": ("mlp_ln",),
    "self_attention/layer_norm": ("attn_ln",),
    "self_attention/linear_0": ("attn.query", "attn.key", "attn.value"),  # fused, row upon row
    "self_attention/linear_1": ("attn.out",),
    "attention/layer_norm": ("cross_attn_ln",),
    "attention/linear_0": ("cross_attn.query",),
    "attention/linear_1": ("cross_attn.key", "cross_attn.value"),
    "attention/linear_2": ("cross_attn.out",),
}
_LAST_NORM = {"encoder": "ln_post", "decoder": "ln"}
_LEAVES = {
    "gamma": ".weight",
    "beta": ".bias",
    "weight": ".weight",
    "bias": ".bias",
    "encodings": "",
}
_NO_SUCH_WEIGHT = re.compile(r"attn\.key\.bias$")
"""OpenAI's key projection has no bias; CTranslate2 stores zeros for it."""

State = dict[str, torch.Tensor]


def convert(folder: Path, output: BinaryIO) -> None:
    """Write the checkpoint of a CTranslate2 folder (float16 or float32)."""
    try:
        variables = read_variables(folder / "model.bin")
        state = _state(variables)
        dims = _dimensions(state, variables)
        heads = _alignment_heads(folder, (dims["n_text_layer"], dims["n_text_head"]))
    except (NotAModelError, KeyError, ValueError) as error:
        raise EngineUnavailableError(f"openai-whisper cannot use {folder}: {error}.") from error
    torch.save({"dims": dims, "model_state_dict": state, "alignment_heads": heads}, output)


def read_alignment_heads(checkpoint: Path) -> bytes | None:
    """What `convert` stored besides the weights, in the library's own encoding."""
    content = torch.load(checkpoint, weights_only=True, map_location="cpu", mmap=True)
    heads = content.get("alignment_heads")
    return heads.encode() if isinstance(heads, str) else None


def openai_names(name: str) -> tuple[str, ...]:
    """Where a CTranslate2 variable goes; one that holds several weights has them in this order."""
    side, rest = name.split("/", 1)
    layer = re.fullmatch(r"layer_(\d+)/(.+)", rest)
    module, leaf = (layer[2] if layer else rest).rsplit("/", 1)
    prefix = f"{side}.blocks.{layer[1]}" if layer else side
    targets = (_LAST_NORM[side],) if module == "layer_norm" else _MODULES[module]
    return tuple(f"{prefix}.{target}{_LEAVES[leaf]}" for target in targets)


def _state(variables: Variables) -> State:
    state: State = {}
    for name, array in variables.items():
        if not array.ndim:
            continue  # a setting, not a weight
        targets = openai_names(name)
        for target, part in zip(targets, np.split(array, len(targets)), strict=True):
            if not _NO_SUCH_WEIGHT.search(target):
                state[target] = torch.from_numpy(part.copy())
    return state


def _dimensions(state: State, variables: Variables) -> dict[str, int]:
    audio_ctx, audio_width = state["encoder.positional_embedding"].shape
    text_ctx, text_width = state["decoder.positional_embedding"].shape
    return {
        "n_mels": state["encoder.conv1.weight"].shape[1],
        "n_audio_ctx": audio_ctx,
        "n_audio_state": audio_width,
        "n_audio_head": _heads(variables, "encoder"),
        "n_audio_layer": _layers(state, "encoder"),
        "n_vocab": state["decoder.token_embedding.weight"].shape[0],
        "n_text_ctx": text_ctx,
        "n_text_state": text_width,
        "n_text_head": _heads(variables, "decoder"),
        "n_text_layer": _layers(state, "decoder"),
    }


def _heads(variables: Variables, side: str) -> int:
    return int(cast("np.integer", variables[f"{side}/num_heads"][()]))


def _layers(state: State, side: str) -> int:
    return len({name.split(".")[2] for name in state if name.startswith(f"{side}.blocks.")})


def _alignment_heads(folder: Path, shape: tuple[int, int]) -> str:
    heads = np.zeros(shape, dtype=bool)
    for layer, head in json.loads((folder / "config.json").read_text())["alignment_heads"]:
        heads[layer, head] = True
    return base64.b85encode(gzip.compress(heads.tobytes())).decode()
