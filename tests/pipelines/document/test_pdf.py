from collections.abc import Sequence
from pathlib import Path

import pytest

from agent.model.ids import JsonValue
from agent.model.work import PipelineSettings, Progress
from agent.pipelines.document.pipeline import DocumentPipeline
from agent.pipelines.errors import EngineUnavailableError, MediaUnreadableError
from tests.pipelines.conftest import MakeTask
from tests.pipelines.document.conftest import Read, ReadDocument
from tests.pipelines.document.pdfs import Item, Put, Rule, paragraph, write_pdf, write_scan

FOX = "The quick brown fox jumps over the lazy dog and then it runs into the deep forest. " * 6
CAT = FOX.replace("fox", "cat").strip()
FOX = FOX.strip()
MORE = "Enough words to be a page that nobody would take for a picture."


def test_headings_are_told_by_the_size_of_their_letters(tmp_path: Path, read: ReadDocument) -> None:
    page = [
        Put("A Report", 60, 60, 20, bold=True),
        *paragraph(CAT, 60, 100, 80),
        Put("Its Methods", 60, 250, 14),
        Put("We looked.", 60, 280),
        Put("2.1 In Detail", 60, 310, bold=True),
        Put("We looked twice.", 60, 340),
    ]
    source = write_pdf(tmp_path / "input", [page], "/Title (On Cats) /Author (Ann)")

    document = read(source)

    assert document.body == (
        f"[Page 1]\n## A Report\n\n{CAT}\n\n### Its Methods\n\nWe looked.\n\n"
        "#### 2.1 In Detail\n\nWe looked twice."
    )
    assert document.summary["title"] == "On Cats"
    assert document.summary["author"] == "Ann"


def test_columns_are_read_one_after_the_other(tmp_path: Path, read: ReadDocument) -> None:
    page = [
        Put("One headline over both columns of this page", 60, 60, 18, bold=True),
        *paragraph(FOX, 60, 100, 42),
        *paragraph(CAT, 320, 104, 42),  # a little lower than the other
    ]
    source = write_pdf(tmp_path / "input", [page])

    assert read(source).body == (
        f"[Page 1]\n## One headline over both columns of this page\n\n{FOX}\n\n{CAT}"
    )


TABLE = (
    "| Item | Count | Unit price |\n| --- | --- | --- |\n"
    "| green tea | 12 | $2.49 |\n| milk | 2 l | $0.08 |"
)


def cells(left: float, top: float, pitch: float) -> list[Put]:
    rows = [["Item", "Count", "Unit price"], ["green tea", "12", "$2.49"], ["milk", "2 l", "$0.08"]]
    return [
        Put(cell, left + 100 * column, top + pitch * row)
        for row, line in enumerate(rows)
        for column, cell in enumerate(line)
    ]


def grid(left: float, top: float) -> list[Rule]:
    across = [Rule(left, top + 20 * row, left + 300, top + 20 * row) for row in range(4)]
    down = [Rule(left + 100 * at, top, left + 100 * at, top + 60) for at in range(4)]
    return across + down


def test_a_table_with_lines_around_its_cells_stands_where_it_stood(
    tmp_path: Path, read: ReadDocument
) -> None:
    page: list[Item] = [
        *paragraph(CAT, 60, 60, 80),
        *grid(60, 200),
        *cells(64, 205, 20),
        Put("What comes after it.", 60, 300),
    ]
    source = write_pdf(tmp_path / "input", [page])

    document = read(source)

    assert document.body == f"[Page 1]\n{CAT}\n\n{TABLE}\n\nWhat comes after it."
    assert document.summary["table_count"] == 1


def test_a_table_without_lines_is_told_by_its_columns(tmp_path: Path, read: ReadDocument) -> None:
    page = [*paragraph(CAT, 60, 60, 80), *cells(60, 200, 14), Put("What comes after.", 60, 270)]
    source = write_pdf(tmp_path / "input", [page])

    document = read(source)

    assert document.body == f"[Page 1]\n{CAT}\n\n{TABLE}\n\nWhat comes after."


def test_no_table_is_looked_for_where_none_is_wanted(tmp_path: Path, read: ReadDocument) -> None:
    page: list[Item] = [*grid(60, 200), *cells(64, 205, 20)]
    source = write_pdf(tmp_path / "input", [page])

    document = read(source, extract_tables=False)

    assert document.summary["table_count"] == 0
    assert document.body.startswith("[Page 1]\nItem Count Unit price green tea")


def test_items_of_lists_keep_their_marks(tmp_path: Path, read: ReadDocument) -> None:
    page = [
        Put("• first item that goes on", 60, 60),
        Put("in a second line", 72, 72),
        Put("• second item", 60, 84),
        Put("1) counted", 60, 110),
    ]
    source = write_pdf(tmp_path / "input", [page])

    assert read(source).body == (
        "[Page 1]\n\n- first item that goes on in a second line\n- second item\n\n1. counted"
    )


def test_a_word_that_a_line_broke_is_whole_again(tmp_path: Path, read: ReadDocument) -> None:
    page = [Put("It was a transfor-", 60, 60), Put("mation of SHA-", 60, 72), Put("256.", 60, 84)]
    source = write_pdf(tmp_path / "input", [page])

    assert read(source).body == "[Page 1]\nIt was a transformation of SHA- 256."


def test_what_markdown_would_take_for_syntax_is_escaped(tmp_path: Path, read: ReadDocument) -> None:
    source = write_pdf(tmp_path / "input", [[Put("# not a heading", 60, 60)]])

    assert read(source).body == "[Page 1]\n\\# not a heading"


def page_of_book(number: int) -> list[Item]:
    return [
        Put(f"Chapter One   {number}", 60, 30),
        *paragraph(f"Page {number} begins. {CAT}", 60, 80, 80),
        Put(f"- {number} -", 290, 800),
    ]


def test_running_heads_and_page_numbers_are_left_out(tmp_path: Path, read: ReadDocument) -> None:
    source = write_pdf(tmp_path / "input", [page_of_book(number) for number in range(1, 5)])

    document = read(source)

    pages = [f"[Page {number}]\nPage {number} begins. {CAT}" for number in range(1, 5)]
    assert document.body == "\n\n".join(pages)
    assert document.summary["page_count"] == 4


def test_pages_after_the_last_that_is_wanted_are_left_out_and_told(
    tmp_path: Path, read: ReadDocument
) -> None:
    source = write_pdf(tmp_path / "input", [[Put(f"{MORE} {at}", 60, 60)] for at in "abc"])

    document = read(source, max_pages=2, page_numbers=False)

    assert document.body == f"{MORE} a\n\n{MORE} b"
    assert document.summary["warnings"] == ["left out: 1 of 3 pages"]


def fake_recognition(texts: Sequence[str]) -> DocumentPipeline:
    """Says those texts, page after page, and checks that it was shown a picture of one."""
    left = list(texts)

    def recognise(raw: bytes, width: int, height: int) -> Sequence[str]:
        assert (width, height) == (1653, 2339)  # A4 at 200 dpi
        assert len(raw) == width * height * 3
        assert min(raw) < 128  # ink
        return [left.pop(0)]

    return DocumentPipeline(PipelineSettings(), lambda _settings: recognise)


def recognised(
    make_task: MakeTask, source: Path, texts: Sequence[str], **options: JsonValue
) -> Read:
    task = make_task("document", source, **options)
    progress: list[Progress] = []
    produced = fake_recognition(texts).run(task, progress.append)
    fractions = [step.fraction for step in progress]
    assert fractions == sorted(fractions)
    return Read(produced.summary, Path(task.output))


@pytest.fixture(scope="session")
def scan(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two pictures of pages, and a page of letters between heaven and earth."""
    path = tmp_path_factory.mktemp("scans") / "scan.pdf"
    return write_scan(path, ["HELLO", "WORLD"], [[Put(MORE, 60, 60)]])


def test_pages_that_are_pictures_are_recognised(scan: Path, make_task: MakeTask) -> None:
    document = recognised(make_task, scan, ["Hello", "World"])

    assert document.body == f"[Page 1]\nHello\n\n[Page 2]\nWorld\n\n[Page 3]\n{MORE}"
    assert document.summary["ocr_pages"] == 2


def test_all_pages_are_recognised_where_that_is_wanted(scan: Path, make_task: MakeTask) -> None:
    document = recognised(make_task, scan, ["Hello", "World", "Other words"], ocr_enabled=True)

    assert document.body.endswith("[Page 3]\nOther words")
    assert document.summary["ocr_pages"] == 3


def test_no_page_is_recognised_where_that_is_not_wanted(scan: Path, make_task: MakeTask) -> None:
    document = recognised(make_task, scan, [], ocr=False)

    assert document.body == f"[Page 3]\n{MORE}"


def test_a_scan_without_a_letter_is_a_failure_with_its_reason(
    tmp_path: Path, make_task: MakeTask
) -> None:
    source = write_scan(tmp_path / "input", ["", ""])

    with pytest.raises(MediaUnreadableError, match="holds no text; 2 of its pages are pictures"):
        recognised(make_task, source, [], ocr=False)


def cannot_load(_settings: PipelineSettings) -> None:
    raise EngineUnavailableError("no engine is here.")


def test_a_box_that_cannot_recognise_reads_the_rest_and_says_so(
    scan: Path, make_task: MakeTask
) -> None:
    pipeline = DocumentPipeline(PipelineSettings(), cannot_load)  # type: ignore[arg-type]

    produced = pipeline.run(make_task("document", scan), lambda _: None)

    assert produced.summary["warnings"] == [
        "2 pages are pictures and were not read: no engine is here."
    ]


def test_a_box_that_cannot_recognise_leaves_a_scan_to_others(
    tmp_path: Path, make_task: MakeTask
) -> None:
    source = write_scan(tmp_path / "input", ["words"])
    pipeline = DocumentPipeline(PipelineSettings(), cannot_load)  # type: ignore[arg-type]

    with pytest.raises(EngineUnavailableError, match="no engine is here"):
        pipeline.run(make_task("document", source), lambda _: None)


def test_recognition_stays_loaded_until_it_is_unloaded(scan: Path, make_task: MakeTask) -> None:
    pipeline = fake_recognition(["Hello", "World"])

    pipeline.run(make_task("document", scan), lambda _: None)

    assert pipeline.held == ("ocr",)
    pipeline.unload()
    assert not pipeline.held


@pytest.mark.parametrize(
    ("part", "broken"),
    [
        (b"/MediaBox [0 0 595 842]", b""),
        (b"/Length ", b"/Length 9"),
        (b"/Subtype /Type1", b"/Subtype /Other"),
        (b"startxref\n", b"startxref\n9"),
    ],
)
def test_a_damaged_pdf_is_read_where_any_reader_can(
    tmp_path: Path, read: ReadDocument, part: bytes, broken: bytes
) -> None:
    source = write_pdf(tmp_path / "input", [[Put(MORE, 60, 60)]])
    source.write_bytes(source.read_bytes().replace(part, broken))

    assert MORE in read(source).body
