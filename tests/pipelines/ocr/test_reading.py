import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from agent.model.work import PipelineSettings
from agent.pipelines.errors import EngineUnavailableError
from agent.pipelines.ocr.engine import Ocr
from agent.pipelines.ocr.layout import as_paragraphs
from agent.pipelines.ocr.loading import load_ocr, ocr_is_possible
from agent.pipelines.ocr.scripts import can_read
from tests.pages import (
    PHOTOGRAPHED,
    Text,
    character_error_rate,
    column,
    page,
    photograph,
    turned,
)

GERMAN = [
    "Grüße aus Köln: 20 € für Öl & Äpfel.",
    "Die Straße ist naß, der Fluß über die Ufer getreten.",
]


def test_latin_text_is_read_with_its_accents_and_places(reader: Ocr) -> None:
    lines = reader.lines(page(column(GERMAN, 40, 40), height=200))

    assert character_error_rate("".join(GERMAN), "".join(as_paragraphs(lines))) < 0.02
    first = min(lines, key=lambda line: line.box.top)
    assert first.confidence > 0.9
    assert first.box.left == pytest.approx(40, abs=12)
    assert first.box.top < 68 < first.box.bottom + 4


@pytest.mark.parametrize(
    "text",
    [
        "今天天气很好我们去公园散步。",
        "臺灣的圖書館與學校",
        "東京都の天気は晴れです。カタカナも読む。",
    ],
)
def test_chinese_and_japanese_are_read(reader: Ocr, text: str) -> None:
    lines = reader.lines(page([Text(text, 30, 80, 36)], height=140))

    assert character_error_rate(text, "".join(as_paragraphs(lines))) < 0.05


def test_a_script_that_the_model_does_not_know_is_left_out(reader: Ocr) -> None:
    assert reader.lines(page([Text("Привет, мир! Съешь ещё булок", 30, 80)], height=140)) == ()
    assert not can_read("ru-RU")
    assert can_read("de")


def test_two_columns_of_a_page_that_is_askew_are_read_in_order(reader: Ocr) -> None:
    left = ["Our ship left the harbor", "in heavy rain and wind", "before the sun was up."]
    right = ["Three days later we saw", "a small green island and", "its friendly people."]
    picture = page([*column(left, 60, 80), *column(right, 560, 80)], height=300)

    lines = reader.lines(turned(picture, 1.5))

    text = " ".join(" ".join(as_paragraphs(lines)).split())
    assert character_error_rate(" ".join(left + right), text) < 0.02


def test_a_photograph_of_a_bent_page_is_read(reader: Ocr) -> None:
    read = "".join(as_paragraphs(reader.lines(photograph())))

    assert character_error_rate("".join(PHOTOGRAPHED), read) < 0.02


def test_a_tall_screenshot_is_read_to_its_end_with_no_line_twice(reader: Ocr) -> None:
    rows = [f"Message number {n}" for n in range(16)]
    picture = page(column(rows, 40, 30, pitch=14), width=400, height=6400)

    lines = reader.lines(picture)

    assert [line.text for line in sorted(lines, key=lambda line: line.box.top)] == rows


@pytest.mark.parametrize("shape", [(400, 400), (1, 1), (1, 5000), (9, 9), (3000, 8)])
def test_where_no_text_is_none_is_found(reader: Ocr, shape: tuple[int, int]) -> None:
    assert reader.lines(np.full((*shape, 3), 200, np.uint8)) == ()


def test_an_absent_library_is_named_with_the_way_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert ocr_is_possible()
    monkeypatch.setattr("agent.pipelines.ocr.loading._NEEDED", {"no_such_reader": "rapidocr"})

    assert not ocr_is_possible()
    with pytest.raises(EngineUnavailableError, match="run `pip install rapidocr`"):
        load_ocr(PipelineSettings())


READ = """
import numpy, pathlib, rapidocr, socket, sys
def refuse(*_):
    raise SystemExit("it went to the network")
socket.socket.connect = socket.getaddrinfo = refuse
from agent.model.work import PipelineSettings
from agent.pipelines.ocr.loading import load_ocr
load_ocr(PipelineSettings()).lines(numpy.zeros((64, 64, 3), numpy.uint8))
"""


def test_reading_fetches_nothing_and_reports_to_nobody(tmp_path: Path) -> None:
    subprocess.run(
        [sys.executable, "-c", READ], check=True, env={"HOME": str(tmp_path)}, cwd=Path.cwd()
    )

    assert not any(path.is_file() for path in tmp_path.rglob("*"))
