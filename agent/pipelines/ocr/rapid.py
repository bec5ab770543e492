"""RapidOCR: PaddleOCR's small models on ONNX Runtime, both of which its package ships.

They read Latin letters with all the accents of Europe, Chinese and Japanese. They do not read
Cyrillic, Greek, Korean, Arabic, Hebrew, Thai or any script of India (`scripts` knows of it).
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import onnxruntime  # type: ignore[import-untyped]
import rapidocr
from rapidocr.ch_ppocr_det import TextDetOutput
from rapidocr.utils.process_img import get_rotate_crop_image

from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.ocr.engine import Line, Pixels
from agent.pipelines.ocr.tiles import Quad, bounds, joined, tiles

_FINDER, _READER = "PP-OCRv6_det_small.onnx", "PP-OCRv6_rec_small.onnx"
_LEAST_CONFIDENCE = 0.5
"""What the models are less sure of is a texture, or a script that they do not know."""
_FEW, _LEAST_CONFIDENCE_OF_FEW = 3, 0.9
"""One or two letters are what it sees in cups and wheels, if it is not quite sure."""
_SMALLEST_SIDE = 8
"""Pixels. No letter fits into less."""
_LONGEST = 2000
"""Pixels that the finder looks at; more are taken together."""
_NARROWEST = 64
"""What is narrower and long vanishes when the finder shrinks it."""


def load(settings: PipelineSettings) -> "RapidOcr":
    """Takes a second, and about 700 MiB once it has read a page."""
    folder = Path(rapidocr.__file__).parent / "models"
    for name in (_FINDER, _READER):
        if not (folder / name).is_file():
            # Without this it would fetch its models, whatever the settings say of downloads.
            raise EngineUnavailableError(
                f"rapidocr is here without its model {name}: run `pip install rapidocr==3.10.0`."
            )
    parameters = {
        "Global.log_level": "error",
        "Global.use_cls": False,  # turns some lines upside down that stood upright
        # Its own way is to enlarge what is small on one side, and a strip then takes gigabytes.
        "Det.limit_type": "max",
        "Det.limit_side_len": _LONGEST,
        "Global.max_side_len": _LONGEST,
        "Det.model_path": str(folder / _FINDER),
        "Rec.model_path": str(folder / _READER),
        # More threads than free cores make each line several times slower, on a busy machine.
        "EngineConfig.onnxruntime.intra_op_num_threads": settings.threads or 1,
        "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        "EngineConfig.onnxruntime.use_cuda": _has_gpu(settings),
    }
    return RapidOcr(lambda: rapidocr.RapidOCR(params=parameters), is_on_gpu=_has_gpu(settings))


def _has_gpu(settings: PipelineSettings) -> bool:
    """Only onnxruntime-gpu has one; it is used where it is installed, and never asked for."""
    return settings.device != "cpu" and (
        "CUDAExecutionProvider" in onnxruntime.get_available_providers()
    )


class RapidOcr:
    name = "rapidocr PP-OCRv6"

    def __init__(self, build: Callable[[], rapidocr.RapidOCR], *, is_on_gpu: bool) -> None:
        self._build = build
        self._is_on_gpu = is_on_gpu
        self._engine = build()

    def leave_gpu(self) -> bool:
        if self._is_on_gpu:
            del self._engine  # a session of ONNX Runtime cannot move
        return True

    def return_to_gpu(self) -> None:
        if self._is_on_gpu:
            self._engine = self._build()

    def lines(self, pixels: Pixels) -> tuple[Line, ...]:
        if min(pixels.shape[:2]) < _SMALLEST_SIDE:
            return ()
        picture = np.ascontiguousarray(pixels[:, :, ::-1])  # its models learned blue first
        quads = self._find(picture)
        return tuple(self._read(picture, quads)) if quads else ()

    def _find(self, picture: Pixels) -> list[Quad]:
        found = []
        for tile in tiles(*picture.shape[:2]):
            part = picture[tile.top : tile.bottom, tile.left : tile.right]
            answer = self._engine(_widened(part), use_det=True, use_rec=False)
            boxes = answer.boxes if isinstance(answer, TextDetOutput) else None
            quads = () if boxes is None else tuple(np.asarray(boxes, np.float32))
            found.append((tile, quads))
        return joined(found)

    def _read(self, picture: Pixels, quads: Sequence[Quad]) -> Iterator[Line]:
        # Cut from the picture itself: what the finder looks at is often only half as sharp.
        crops = [get_rotate_crop_image(picture, quad.copy()) for quad in quads]
        kept = [(quad, crop) for quad, crop in zip(quads, crops, strict=True) if crop.size]
        if not kept:
            return
        answer = self._engine.recognize_txt([crop for _, crop in kept])
        for (quad, _), text, score in zip(
            kept, answer.txts or (), answer.scores or (), strict=True
        ):
            if _is_text(text.strip(), score):
                yield Line(text.strip(), round(float(score), 4), bounds(quad), _slope(quad))


def _is_text(text: str, score: float) -> bool:
    """Of scripts that it does not know, it reads the punctuation, and is sure of that."""
    least = _LEAST_CONFIDENCE_OF_FEW if len(text) < _FEW else _LEAST_CONFIDENCE
    return score >= least and any(map(str.isalnum, text))


def _widened(part: Pixels) -> Pixels:
    more = [max(0, _NARROWEST - side) for side in part.shape[:2]]
    return np.ascontiguousarray(np.pad(part, ((0, more[0]), (0, more[1]), (0, 0)), mode="edge"))


def _slope(quad: Quad) -> float:
    (left, left_y), (right, right_y) = quad[:2].tolist()
    return (right_y - left_y) / (right - left) if right - left > abs(right_y - left_y) else 0.0
