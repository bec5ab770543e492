"""What files do that mean harm, and what becomes of them: an error in words, and nothing else."""

import json
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.model.work import PipelineSettings
from agent.pipelines.box.running import Box
from agent.pipelines.document import archives
from agent.pipelines.document.pipeline import DocumentPipeline
from agent.pipelines.errors import (
    MediaUnreadableError,
    PipelineError,
    TooLargeError,
    UnsupportedMediaError,
)
from tests.pipelines.conftest import MakeTask
from tests.pipelines.document.conftest import ReadDocument
from tests.pipelines.document.offices import (
    word_paragraph,
    write_docx,
    write_open,
    write_xlsx,
    write_zip,
)
from tests.pipelines.document.pdfs import Put, write_bomb, write_locked, write_pdf, write_scan
from tests.pipelines.web.servers import answers, serving

WORDS = word_paragraph("words")


def test_an_empty_file_is_said_to_be_empty(tmp_path: Path, read: ReadDocument) -> None:
    (tmp_path / "input").touch()

    with pytest.raises(MediaUnreadableError, match=r"^the file is empty\.$"):
        read(tmp_path / "input", "a.pdf")


@pytest.mark.parametrize(
    ("content", "filename", "error", "why"),
    [
        (b"%PDF-1.4\nnothing", "a.pdf", MediaUnreadableError, "broken, or no PDF"),
        (b"PK\x03\x04 cut off", "a.docx", MediaUnreadableError, "broken ZIP archive"),
        (b"\x89PNG\r\n\x1a\n" + bytes(99), "a.pdf", MediaUnreadableError, "PNG image"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(999), "a.doc", UnsupportedMediaError, "PDF"),
        (b" \n\t\n", "a.txt", MediaUnreadableError, "holds no text"),
        (b"<html><body></body></html>", "a.html", MediaUnreadableError, "holds no text"),
        (b'a,"b\nc', "a.csv", None, ""),
    ],
)
def test_what_is_broken_or_another_format_is_said_in_words(
    tmp_path: Path,
    read: ReadDocument,
    content: bytes,
    filename: str,
    error: type[PipelineError] | None,
    why: str,
) -> None:
    source = tmp_path / "input"
    source.write_bytes(content)
    if error is None:
        assert read(source, filename).body
        return

    with pytest.raises(error, match=why):
        read(source, filename)


def test_a_document_with_a_broken_part_is_said_to_be_broken(
    tmp_path: Path, read: ReadDocument
) -> None:
    source = write_docx(tmp_path / "input", WORDS)
    with zipfile.ZipFile(source) as archive:
        start = archive.getinfo("word/document.xml").header_offset + 30 + len("word/document.xml")
    content = bytearray(source.read_bytes())
    content[start : start + 8] = bytes(range(200, 208))
    source.write_bytes(content)

    with pytest.raises(MediaUnreadableError, match="broken"):
        read(source)


def test_a_zip_archive_of_other_things_is_told_so(tmp_path: Path, read: ReadDocument) -> None:
    source = write_zip(tmp_path / "input", {"photo.jpg": "x"})

    with pytest.raises(UnsupportedMediaError, match="unpack it and send the files"):
        read(source, "a.docx")


def test_a_pdf_with_a_password_opens_with_it_only(tmp_path: Path, make_task: MakeTask) -> None:
    source = write_locked(tmp_path / "input", "These words were locked away.", "open")
    pipeline = DocumentPipeline(PipelineSettings())
    task = make_task("document", source, "a.pdf", password="open")  # noqa: S106 - of a test

    for options, why in (({}, "say it in option"), ({"password": "no"}, "does not open with")):
        locked = type(task)(
            **{name: getattr(task, name) for name in task.__slots__} | {"options": options}
        )
        with pytest.raises(MediaUnreadableError, match=why):
            pipeline.run(locked, lambda _: None)

    pipeline.run(task, lambda _: None)
    assert "These words were locked away." in (Path(task.output) / "document.md").read_text()
    assert not any('"open"' in path.read_text() for path in Path(task.output).iterdir())


BOMBS: dict[str, Callable[[Path], Path]] = {
    "unpacks to 300 MiB": lambda path: write_zip(
        path, {"word/document.xml": "<w>", "a": bytes(150 * 1024**2), "b": bytes(150 * 1024**2)}
    ),
    "more than 200 times its size": lambda path: write_zip(
        path, {"word/document.xml": bytes(20 * 1024**2)}
    ),
    "has 5003 parts": lambda path: write_zip(
        path, {"word/document.xml": "", "x": "", **{f"p{at}": "" for at in range(5001)}}
    ),
}


@pytest.mark.parametrize("why", BOMBS)
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path, why: str) -> None:
    source = BOMBS[why](tmp_path / "input")

    with pytest.raises(TooLargeError, match=why), archives.check_archive(source):
        pass


def test_a_bomb_that_lies_about_its_size_is_shown_in_part_at_most(
    tmp_path: Path, read: ReadDocument
) -> None:
    source = write_xlsx(tmp_path / "input", {"A": [["x" * 20 * 1024**2]]})
    with zipfile.ZipFile(source) as archive:
        size = archive.getinfo("xl/worksheets/sheet1.xml").file_size
    content = source.read_bytes()
    source.write_bytes(content.replace(size.to_bytes(4, "little"), (500).to_bytes(4, "little")))

    assert len(read(source).markdown) < 3000


ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 12))
    + '<!ENTITY file SYSTEM "file:///etc/passwd">]>'
)


@pytest.mark.parametrize("entity", ["&a11;", "&file;"])
def test_entities_of_a_word_document_are_not_expanded(
    tmp_path: Path, read: ReadDocument, entity: str
) -> None:
    word = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
    body = word_paragraph("words") + word_paragraph(entity)
    document = f'{ENTITIES}<w:document xmlns:w="{word}"><w:body>{body}</w:body></w:document>'
    source = write_docx(tmp_path / "input", "", document=document)

    with pytest.raises(MediaUnreadableError, match="XML entities of its own"):
        read(source)


def test_entities_of_other_documents_are_not_expanded(tmp_path: Path, read: ReadDocument) -> None:
    source = write_open(tmp_path / "input", "text", "<text:p>words &file;</text:p>")
    with zipfile.ZipFile(source) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    write_zip(source, parts | {"content.xml": ENTITIES + parts["content.xml"]})

    try:
        written = read(source).markdown
    except PipelineError:
        return
    assert "root:" not in written


def test_thousands_of_nested_elements_are_no_text(tmp_path: Path, read: ReadDocument) -> None:
    source = tmp_path / "input"
    source.write_text("<html>" + "<div>" * 200_000 + "x" + "</div>" * 200_000)

    with pytest.raises(PipelineError):
        read(source, "a.html")


def test_thousands_of_nested_groups_of_rich_text_do_no_harm(
    tmp_path: Path, read: ReadDocument
) -> None:
    source = tmp_path / "input"
    source.write_text(r"{\rtf1 words" + "{" * 200_000 + "}" * 200_000 + "}")

    assert "words" in read(source).body


def test_a_pdf_that_unpacks_to_very_much_ends_in_an_error(
    tmp_path: Path, read: ReadDocument
) -> None:
    source = write_bomb(tmp_path / "input", 100 * 1024**2)

    with pytest.raises((MediaUnreadableError, TooLargeError)):
        read(source)


def test_a_table_with_a_million_columns_shows_the_first(tmp_path: Path, read: ReadDocument) -> None:
    source = tmp_path / "input"
    source.write_text(",".join(["x"] * 1_000_000) + "\na,b\n")

    document = read(source, "a.csv")

    assert document.summary["warnings"] == ["left out: 999900 of 1000000 columns"]
    assert len(document.markdown) < 3000


def test_a_table_with_too_many_cells_is_too_large(tmp_path: Path, read: ReadDocument) -> None:
    source = tmp_path / "input"
    source.write_text(("," * 1_000_000 + "\n") * 6)

    with pytest.raises(TooLargeError, match="limit of 5000000 cells"):
        read(source, "a.csv")


def test_a_message_of_ten_thousand_parts_is_read(tmp_path: Path, read: ReadDocument) -> None:
    part = "--b\r\nContent-Type: application/x\r\nContent-Disposition: attachment\r\n\r\nx\r\n"
    source = tmp_path / "input"
    source.write_text(
        "From: a@example.org\r\nSubject: Many\r\nMIME-Version: 1.0\r\n"
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nwords\r\n"
        + part * 10_000
        + "--b--\r\n"
    )

    document = read(source)

    assert "words" in document.body
    assert "more" in document.body.splitlines()[-1]


def test_a_message_of_a_thousand_messages_within_one_another_is_read(
    tmp_path: Path, read: ReadDocument
) -> None:
    nested = "".join(
        f"Content-Type: multipart/mixed; boundary=b{at}\r\n\r\n--b{at}\r\n" for at in range(1000)
    )
    source = tmp_path / "input"
    source.write_text(f"From: a@example.org\r\nSubject: Deep\r\n{nested}\r\nwords\r\n")

    try:
        assert "Deep" in read(source).body
    except MediaUnreadableError:
        return


def test_nothing_that_a_document_names_is_loaded(tmp_path: Path, read: ReadDocument) -> None:
    with serving(answers({})) as server:
        url = server.url("/x.png")
        docx = write_docx(tmp_path / "docx", WORDS)
        with zipfile.ZipFile(docx, "a") as archive:
            schemas = "http://schemas.openxmlformats.org"
            archive.writestr(
                "word/_rels/settings.xml.rels",
                f'<Relationships xmlns="{schemas}/package/2006/relationships"><Relationship Id="t"'
                f' Type="{schemas}/officeDocument/2006/relationships/attachedTemplate"'
                f' TargetMode="External" Target="{url}"/></Relationships>',
            )
        page = tmp_path / "html"
        page.write_text(f'<html><img src="{url}"><link rel=stylesheet href="{url}"><p>words</html>')
        mail = tmp_path / "mail"
        mail.write_text(
            f"From: a@b.example\nSubject: x\nContent-Type: text/html\n\n<img src='{url}'>words"
        )
        rich = tmp_path / "rich"
        rich.write_text(r"{\rtf1 words{\field{\*\fldinst INCLUDEPICTURE " + url + "}}}")
        texts = [read_again(read, each) for each in (docx, page, mail, rich)]

    assert all("words" in text for text in texts)
    assert not server.requests


def read_again(read: ReadDocument, source: Path) -> str:
    document = read(source)
    text = document.markdown
    document.output.rename(document.output.with_name(f"output of {source.name}"))
    return text


def lying(answer: object, before: str = "") -> Box:
    """A box that a document has taken over."""
    begun = json.dumps({"walls": {"landlock": 7, "seccomp": True}})
    code = (
        f"import json, sys, os, pathlib\nprint({begun!r})\n{before}\nprint(json.dumps({answer!r}))"
    )
    return Box(command=(sys.executable, "-c", f"import sys; line = sys.stdin.readline()\n{code}"))


@pytest.mark.parametrize(
    "result",
    [
        {},
        {"kind": "Spaceship", "pages": []},
        {"kind": "PDF", "pages": [{"markdown": 3}]},
        {"kind": "PDF", "pages": {"a": 1}},
        {"kind": "PDF", "pages": [], "tables": [{"page": "x", "rows": []}]},
        {"kind": "PDF", "pages": [], "extra": 1, "facts": 3},
    ],
)
def test_nonsense_out_of_the_box_is_not_believed(
    tmp_path: Path, make_task: MakeTask, result: object
) -> None:
    source = write_pdf(tmp_path / "input", [[Put("words", 60, 60)]])
    pipeline = DocumentPipeline(PipelineSettings(), box=lying({"result": result}))

    with pytest.raises(MediaUnreadableError, match="answered nonsense"):
        pipeline.run(make_task("document", source), lambda _: None)


SCAN = {"kind": "PDF", "pages": [{"markdown": "", "number": 1, "is_scanned": True}]}
DRAWN = {"number": 1, "name": "page-1.rgb", "width": 2, "height": 1}


@pytest.mark.parametrize(
    ("page", "content"),
    [
        (DRAWN | {"width": 2000}, b"123456"),
        (DRAWN | {"width": -2, "height": -1}, b"123456"),
        (DRAWN | {"number": 7}, b"123456"),
        (DRAWN | {"name": "../input"}, b"123456"),
        (DRAWN | {"name": "link"}, b"123456"),
        (DRAWN | {"name": "missing"}, b"123456"),
        (DRAWN | {"width": "2"}, b"123456"),
        ({"name": "page-1.rgb"}, b"123456"),
    ],
)
def test_a_picture_out_of_the_box_is_not_believed(
    tmp_path: Path, make_task: MakeTask, page: object, content: bytes
) -> None:
    """The same box answers both questions: what is on the page, and how the page looks."""
    source = write_scan(tmp_path / "input", ["x"])
    code = (
        "request = json.loads(line); scratch = pathlib.Path(request['scratch']);"
        f"(scratch / 'page-1.rgb').write_bytes({content!r});"
        "os.path.lexists(scratch / 'link') or (scratch / 'link').symlink_to('/etc/passwd');"
        f"answers = {json.dumps({'document': SCAN, 'document_pages': {'pages': [page]}})!r};"
        "print(json.dumps({'result': json.loads(answers)[request['reader']]})); sys.exit()"
    )
    pipeline = DocumentPipeline(
        PipelineSettings(), lambda _settings: lambda _raw, _w, _h: ["words"], lying({}, code)
    )

    with pytest.raises(MediaUnreadableError):
        pipeline.run(make_task("document", source), lambda _: None)
