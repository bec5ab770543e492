"""Describes pictures with any captioner that transformers can load: BLIP, GIT and their kin."""

from pathlib import Path

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor, PreTrainedModel, ProcessorMixin

from agent.pipelines.image.engines.tensors import best_device
from agent.pipelines.ocr.engine import Pixels

_LONGEST = 60
"""Tokens: two sentences."""


def load(folder: Path, device: str) -> "TransformersCaptioner":
    """From safetensors only, and without code of the model's own: weights cannot run anything."""
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True)
    model = AutoModelForImageTextToText.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
    )
    return TransformersCaptioner(folder.name, processor, model.eval().to(best_device(device)))


class TransformersCaptioner:
    def __init__(self, name: str, processor: ProcessorMixin, model: PreTrainedModel) -> None:
        self.name = name
        self._processor = processor
        self._model = model
        self._device = model.device

    def leave_gpu(self) -> bool:
        self._model.to("cpu")
        return True

    def return_to_gpu(self) -> None:
        self._model.to(self._device)

    def caption(self, pixels: Pixels) -> str:
        asked = self._processor(images=Image.fromarray(pixels), return_tensors="pt")
        with torch.inference_mode():
            answer = self._model.generate(**asked.to(self._model.device), max_new_tokens=_LONGEST)
        (text,) = self._processor.batch_decode(answer, skip_special_tokens=True)
        return " ".join(text.split())
