"""Turns pictures into vectors with any image model that transformers can load: CLIP, SigLIP, ViT.

Those of CLIP and its kin lie near the vectors of texts that describe the picture.
"""

from pathlib import Path

import torch
from PIL import Image
from transformers import (
    AutoImageProcessor,
    AutoModel,
    BaseImageProcessor,
    PreTrainedModel,
)
from transformers.modeling_outputs import BaseModelOutputWithPooling

from agent.pipelines.image.engines.tensors import as_unit_vector, best_device
from agent.pipelines.ocr.engine import Pixels


def load(folder: Path, device: str) -> "TransformersEmbedder":
    """From safetensors only, and without code of the model's own: weights cannot run anything."""
    processor = AutoImageProcessor.from_pretrained(folder, local_files_only=True)
    model = AutoModel.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
    )
    return TransformersEmbedder(folder.name, processor, model.eval().to(best_device(device)))


class TransformersEmbedder:
    def __init__(self, name: str, processor: BaseImageProcessor, model: PreTrainedModel) -> None:
        self.name = name
        self._processor = processor
        self._model = model
        self._device = model.device

    def leave_gpu(self) -> bool:
        self._model.to("cpu")
        return True

    def return_to_gpu(self) -> None:
        self._model.to(self._device)

    def embedding(self, pixels: Pixels) -> tuple[float, ...]:
        asked = self._processor(images=Image.fromarray(pixels), return_tensors="pt")
        # A model of pictures and texts has a way of its own for the pictures.
        embed = getattr(self._model, "get_image_features", self._model)
        with torch.inference_mode():
            return as_unit_vector(_pooled(embed(**asked.to(self._model.device))))


def _pooled(answer: torch.Tensor | BaseModelOutputWithPooling) -> torch.Tensor:
    if isinstance(answer, torch.Tensor):
        return answer[0]
    pooled = answer.pooler_output
    return pooled[0] if pooled is not None else answer.last_hidden_state[0].mean(dim=0)
