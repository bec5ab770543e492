from collections.abc import Callable
from pathlib import Path

import pytest

from agent.pipelines.document.kinds import Kind, kind_of
from agent.pipelines.errors import MediaUnreadableError, UnsupportedMediaError
from tests.pipelines.document.offices import (
    write_docx,
    write_epub,
    write_open,
    write_pptx,
    write_xlsx,
)
from tests.pipelines.document.pdfs import write_pdf

OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(504)


def ole(stream: str) -> Callable[[Path], Path]:
    """The directory entry alone; the rest of such a file is of no interest here."""
    return lambda path: written(path, OLE + stream.encode("utf-16-le") + bytes(64))


def written(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


MADE: dict[Kind, Callable[[Path], Path]] = {
    Kind.PDF: lambda path: write_pdf(path, [[]]),
    Kind.DOCX: lambda path: write_docx(path, ""),
    Kind.XLSX: lambda path: write_xlsx(path, {}),
    Kind.PPTX: lambda path: write_pptx(path, []),
    Kind.EPUB: lambda path: write_epub(path, "T", []),
    Kind.ODT: lambda path: write_open(path, "text", ""),
    Kind.ODS: lambda path: write_open(path, "spreadsheet", ""),
    Kind.ODP: lambda path: write_open(path, "presentation", ""),
    Kind.DOC: ole("WordDocument"),
    Kind.XLS: ole("Workbook"),
    Kind.PPT: ole("PowerPoint Document"),
    Kind.MSG: ole("__properties_version1.0"),
    Kind.RTF: lambda path: written(path, rb"{\rtf1 x}"),
    Kind.HTML: lambda path: written(path, b"\xef\xbb\xbf<!-- saved -->\n<!DOCTYPE HTML>\n<p>x"),
    Kind.EMAIL: lambda path: written(path, b"Received: x\r\n\tby y\r\nFrom: a\r\nTo: b\r\n\r\nx"),
}


@pytest.mark.parametrize("kind", MADE)
@pytest.mark.parametrize("filename", ["a", "a.pdf", "a.txt", "a.csv", "a.docx"])
def test_no_name_changes_what_a_document_is(tmp_path: Path, kind: Kind, filename: str) -> None:
    assert kind_of(MADE[kind](tmp_path / "input"), filename, "text/plain") is kind


@pytest.mark.parametrize(
    ("filename", "media_type", "kind"),
    [
        ("a.csv", None, Kind.TABLE),
        ("a.TSV", None, Kind.TABLE),
        ("a", "text/csv; charset=utf-8", Kind.TABLE),
        ("a.md", "text/plain", Kind.MARKDOWN),
        ("a", "text/markdown", Kind.MARKDOWN),
        ("a.htm", None, Kind.HTML),
        ("a.eml", None, Kind.EMAIL),
        ("a.txt", None, Kind.TEXT),
        ("a.pdf", None, Kind.TEXT),
        ("a.docx", "application/pdf", Kind.TEXT),
    ],
)
def test_among_kinds_of_text_the_name_decides(
    tmp_path: Path, filename: str, media_type: str | None, kind: Kind
) -> None:
    source = written(tmp_path / "input", b"a,b\nNote: this is text\n")

    assert kind_of(source, filename, media_type) is kind


def test_a_locked_office_document_is_said_to_be_locked(tmp_path: Path) -> None:
    with pytest.raises(MediaUnreadableError, match="locked with a password"):
        kind_of(ole("EncryptedPackage")(tmp_path / "input"), "a.docx", None)


@pytest.mark.parametrize("kind", ["graphics", "formula"])
def test_an_open_document_of_another_kind_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(UnsupportedMediaError, match=kind):
        kind_of(write_open(tmp_path / "input", kind, ""), "a.odg", None)
