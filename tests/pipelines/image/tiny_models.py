"""Models of a few kilobytes with random weights: they answer nonsense, but the real way."""

from pathlib import Path

import torch
from transformers import (
    BertTokenizerFast,
    BlipConfig,
    BlipForConditionalGeneration,
    BlipImageProcessor,
    BlipProcessor,
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
)

_SIZES = {
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}
_PICTURE = {"image_size": 32, "patch_size": 16}
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "[DEC]", "a", "cat", "on", "mat", "dog"]


def save_captioner(folder: Path) -> Path:
    """BLIP that knows five words."""
    folder.mkdir()
    tokenizer = BertTokenizerFast(vocab={word: number for number, word in enumerate(WORDS)})
    ends = {"bos_token_id": 5, "eos_token_id": 3, "sep_token_id": 3, "pad_token_id": 0}
    config = BlipConfig(
        text_config={**_SIZES, "vocab_size": len(WORDS), "encoder_hidden_size": 16, **ends},
        vision_config={**_SIZES, **_PICTURE},
        projection_dim=8,
        image_text_hidden_size=16,
    )
    pictures = BlipImageProcessor(size={"height": 32, "width": 32})
    model = BlipForConditionalGeneration(config)
    torch.manual_seed(1)  # one with which it says words
    for weights in model.parameters():
        torch.nn.init.normal_(weights)
    model.save_pretrained(folder)
    BlipProcessor(pictures, tokenizer).save_pretrained(folder)
    return folder


def save_embedder(folder: Path) -> Path:
    """CLIP with vectors of 8 numbers."""
    config = CLIPConfig(
        text_config={**_SIZES, "vocab_size": 10},
        vision_config={**_SIZES, **_PICTURE},
        projection_dim=8,
    )
    CLIPModel(config).save_pretrained(folder)
    CLIPImageProcessor(
        size={"shortest_edge": 32}, crop_size={"height": 32, "width": 32}
    ).save_pretrained(folder)
    return folder
