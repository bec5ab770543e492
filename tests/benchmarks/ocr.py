"""Reading text in pictures: three scripts, a scan, photos; beside the bare library.

Tesseract is measured too, where it is installed: apt-get install tesseract-ocr tesseract-ocr-deu
tesseract-ocr-chi-sim tesseract-ocr-jpn.
"""

import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import rapidocr
from PIL import Image

from agent.model.work import PipelineSettings
from agent.pipelines.ocr.engine import Pixels
from agent.pipelines.ocr.layout import as_paragraphs
from agent.pipelines.ocr.loading import load_ocr
from tests.benchmarks.report import Figure
from tests.pages import (
    PHOTOGRAPHED,
    Text,
    character_error_rate,
    column,
    page,
    photograph,
    turned,
    write_on,
)

BAR = 2.0
"""Percent of characters."""

LEFT = [
    "Wer reitet so spät durch Nacht und Wind?",
    "Es ist der Vater mit seinem Kind;",
    "Er hat den Knaben wohl in dem Arm,",
    "Er faßt ihn sicher, er hält ihn warm.",
    "Größe: 1.284,50 € (zzgl. 19 % MwSt.)",
]
RIGHT = [
    "Il était une fois un garçon naïf qui",
    "voulut, à Noël, goûter l'été; où est",
    "passé le cœur de l'hôte? Çà et là, rien.",
    "Příliš žluťoučký kůň úpěl ďábelské ódy.",
    "Contact: ops@example.org, +49 30 123456",
]
CHINESE = [
    "床前明月光，疑是地上霜。举头望明月，低头思故乡。",
    "白日依山尽，黄河入海流。欲穷千里目，更上一层楼。",
    "春眠不觉晓，处处闻啼鸟。夜来风雨声，花落知多少。",
]
JAPANESE = [
    "吾輩は猫である。名前はまだ無い。",
    "どこで生れたかとんと見当がつかぬ。",
    "カタカナのメニュー：コーヒー、ケーキ、サラダ。",
]
SIGN = ["HARBOR STREET", "Fresh fish daily", "Open 9 to 17"]


@dataclass(frozen=True, slots=True)
class Case:
    name: str
    pixels: Pixels
    lines: list[str]
    languages: str
    """As Tesseract calls them."""

    def error(self, read: str) -> float:
        return 100 * character_error_rate("".join(self.lines), read)


def cases() -> Iterator[Case]:
    texts = [*column(LEFT, 60, 60, 26), *column(RIGHT, 720, 60, 26)]
    latin = page(texts, width=1400, height=330)
    one_column = page(column([*LEFT, *RIGHT], 60, 40, 26), width=760, height=520)
    yield Case("Latin", one_column, [*LEFT, *RIGHT], "deu+fra+ces")
    yield Case("Latin, two columns", latin, [*LEFT, *RIGHT], "deu+fra+ces")
    yield Case(
        "… scanned 2 degrees askew, with noise", _scan(latin), [*LEFT, *RIGHT], "deu+fra+ces"
    )
    yield Case("Chinese", page(column(CHINESE, 60, 40, 30), height=240), CHINESE, "chi_sim")
    yield Case("Japanese", page(column(JAPANESE, 60, 40, 30), height=240), JAPANESE, "jpn")
    yield Case("a photograph of a page", photograph(), PHOTOGRAPHED, "eng")
    yield Case("a made photo of a sign", _photo(), SIGN, "eng")
    yield Case("small print on a photo of 12 megapixels", _small_print(), LEFT * 6, "deu")


def _scan(pixels: Pixels) -> Pixels:
    framed = np.pad(pixels, ((60, 60), (0, 0), (0, 0)), constant_values=255)
    noise = np.random.default_rng(1).normal(0, 18, framed.shape)
    return np.clip(turned(framed, 2) + noise, 0, 255).astype(np.uint8)


def _photo() -> Pixels:
    """A blue sign on a street of soft shapes, seen from the side, a bit blurred, then JPEG."""
    rng = np.random.default_rng(7)
    coarse = Image.fromarray(rng.integers(40, 200, (9, 12, 3), dtype=np.uint8))
    street = np.asarray(coarse.resize((1200, 900), Image.Resampling.BICUBIC))
    sign = write_on(
        np.full((400, 700, 3), (25, 60, 140), np.uint8),
        [Text(line, 60, 110 + 110 * n, 56) for n, line in enumerate(SIGN)],
        (235, 235, 225),
    )
    source = np.array([[0, 0], [700, 0], [700, 400], [0, 400]], np.float32)
    target = np.array([[260, 230], [930, 300], [915, 660], [270, 640]], np.float32)
    turn = cv2.getPerspectiveTransform(source, target)
    placed = cv2.warpPerspective(sign, turn, (1200, 900), flags=cv2.INTER_AREA)
    mask = cv2.warpPerspective(np.ones_like(sign), turn, (1200, 900))
    blurred = cv2.GaussianBlur(np.where(mask > 0, placed, street), (3, 3), 0)
    grainy = np.clip(blurred + rng.normal(0, 8, blurred.shape), 0, 255).astype(np.uint8)
    return np.asarray(cv2.imdecode(cv2.imencode(".jpg", grainy, [1, 60])[1], 1), np.uint8)


def _small_print() -> Pixels:
    texts = column(LEFT * 6, 900, 700, 14, pitch=2.4)
    return page(texts, width=4000, height=3000)


Read = Callable[[Pixels, str], str]


def measure(folder: Path) -> list[Figure]:
    ours, alone = _ours(), _alone()
    rivals: list[tuple[str, Read]] = [("rapidocr alone", alone)]
    if shutil.which("tesseract"):
        rivals.append(("tesseract", lambda pixels, spoken: _tesseract(pixels, spoken, folder)))
    else:
        print("tesseract is not installed: nothing is measured beside it", file=sys.stderr)
    figures = []
    for case in cases():
        error, seconds = _measured(ours, case)
        figures.append(Figure(f"character error rate, {case.name}", error, BAR, "%", "bar"))
        for name, read in rivals:
            error_there, seconds_there = _measured(read, case)
            right, right_there = 100 - error, max(0.1, 100 - error_there)
            figures += [
                Figure(f"… characters right, beside {name}", right, right_there, "%", "rival"),
                Figure("… seconds", seconds, seconds_there, "s", "rival"),
            ]
    return figures


def _measured(read: Read, case: Case) -> tuple[float, float]:
    started = time.process_time()
    text = read(case.pixels, case.languages)
    return case.error(text), time.process_time() - started


def _ours() -> Read:
    ocr = load_ocr(PipelineSettings(threads=1))
    ocr.lines(np.zeros((64, 64, 3), np.uint8))
    return lambda pixels, _: "\n".join(as_paragraphs(ocr.lines(pixels)))


def _alone() -> Read:
    """As its makers set it up, but for the threads, which would blur the seconds."""
    threads = {"EngineConfig.onnxruntime.intra_op_num_threads": 1, "Global.log_level": "error"}
    engine = rapidocr.RapidOCR(params=threads)
    engine(np.zeros((64, 64, 3), np.uint8))

    def read(pixels: Pixels, _languages: str) -> str:
        answer = engine(np.ascontiguousarray(pixels[:, :, ::-1]))
        return "\n".join(getattr(answer, "txts", None) or ())

    return read


def _tesseract(pixels: Pixels, languages: str, folder: Path) -> str:
    Image.fromarray(pixels).save(folder / "page.png")
    command = ["tesseract", str(folder / "page.png"), "-", "-l", languages]
    answer = subprocess.run(command, capture_output=True, text=True, check=False)
    return answer.stdout
