"""Broken and hostile documents, web pages and texts."""

import io
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

from tests.pipelines.hostile.hostile_input import (
    READ,
    TOO_LARGE,
    UNREADABLE,
    UNSUPPORTED,
    HostileInput,
    failing,
    failing_or_read,
)
from tests.pipelines.hostile.sounds_and_films import Make, noise, written

_TYPES = (
    '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
    '<Default Extension="xml" ContentType="application/xml"/>'
    '<Default Extension="rels" ContentType='
    '"application/vnd.openxmlformats-package.relationships+xml"/>'
    '<Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-'
    'officedocument.wordprocessingml.document.main+xml"/></Types>'
)
_RELATIONS = (
    '<?xml version="1.0"?><Relationships xmlns='
    '"http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type='
    '"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument"'
    ' Target="word/document.xml"/></Relationships>'
)
_WORD = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"


def body(text: str, before: str = "") -> str:
    return (
        f'<?xml version="1.0"?>{before}<w:document xmlns:w="{_WORD}"><w:body><w:p><w:r><w:t>'
        f"{text}</w:t></w:r></w:p></w:body></w:document>"
    )


def archive(members: Mapping[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as content:
        for name, member in members.items():
            content.writestr(name, member)
    return file.getvalue()


def docx(document: str | bytes, **more: str | bytes) -> bytes:
    parts = {
        "[Content_Types].xml": _TYPES,
        "_rels/.rels": _RELATIONS,
        "word/document.xml": document,
    }
    return archive(parts | more)


def docx_bomb(file: Path, _secret: Path) -> None:
    text = body("x").encode().replace(b"x</w:t>", b" " * 400_000_000 + b"x</w:t>")
    file.write_bytes(docx(text))


def xlsx_bomb(file: Path, _secret: Path) -> None:
    sheet = b"<worksheet>" + b"<row><c><v>1</v></c></row>" * 15_000_000 + b"</worksheet>"
    file.write_bytes(
        archive({"[Content_Types].xml": _TYPES, "xl/workbook.xml": "<workbook/>",
                 "xl/worksheets/sheet1.xml": sheet})
    )  # fmt: skip


def docx_with_entity(file: Path, secret: Path) -> None:
    entity = f'<!DOCTYPE d [<!ENTITY x SYSTEM "file://{secret}">]>'
    file.write_bytes(docx(body("hello &x;", entity)))


def docx_with_link(file: Path, secret: Path) -> None:
    links = _RELATIONS.replace("word/document.xml", f"file://{secret}")
    file.write_bytes(docx(body("hello"), **{"word/_rels/document.xml.rels": links}))


def _entities() -> str:
    lines = ['<!ENTITY a0 "ha">']
    lines += [f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10)]
    return f"<!DOCTYPE d [{''.join(lines)}]>"


def climbing_zip(file: Path, _secret: Path) -> None:
    file.write_bytes(docx(body("hello"), **{"../../../../tmp/climbed.txt": "x"}))


def crowded_epub(file: Path, _secret: Path) -> None:
    pages = {f"page{number}.xhtml": "<p>x</p>" for number in range(20_000)}
    file.write_bytes(archive({"mimetype": "application/epub+zip", **pages}))


def pdf(*objects: bytes, trailer: bytes = b"<< /Root 1 0 R >>") -> bytes:
    """Objects numbered from 1; without a cross-reference table, which readers rebuild."""
    whole = b"%PDF-1.7\n"
    for number, content in enumerate(objects, start=1):
        whole += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    return whole + b"trailer\n" + trailer + b"\n%%EOF\n"


def stream(content: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n" % (len(content), more) + content + b"\nendstream"


_CATALOG = b"<< /Type /Catalog /Pages 2 0 R >>"
_PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"
_PAGE = b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R >>"


def pdf_bomb(file: Path, _secret: Path) -> None:
    packed = zlib.compress(b"q Q " * 60_000_000, 9)
    content = stream(packed, b"/Filter /FlateDecode")
    file.write_bytes(pdf(_CATALOG, _PAGES, _PAGE, content))


def pdf_that_opens_files(file: Path, secret: Path) -> None:
    action = b"<< /S /Launch /F (%s) >>" % str(secret).encode()
    catalog = b"<< /Type /Catalog /Pages 2 0 R /OpenAction %s >>" % action
    outside = b"<< /Length 0 /F (%s) >>\nstream\n\nendstream" % str(secret).encode()
    file.write_bytes(pdf(catalog, _PAGES, _PAGE, outside))


_LOOP = pdf(_CATALOG, b"<< /Type /Pages /Kids [2 0 R] /Count 1000000 >>")
_LOCKED = pdf(
    _CATALOG, _PAGES, _PAGE, stream(b"BT (x) Tj ET"),
    b"<< /Filter /Standard /V 1 /R 2 /O (" + b"o" * 32 + b") /U (" + b"u" * 32 + b") /P -4 >>",
    trailer=b"<< /Root 1 0 R /Encrypt 5 0 R /ID [(1234567890123456) (1234567890123456)] >>",
)  # fmt: skip


def nested_mail(file: Path, _secret: Path) -> None:
    parts = [f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(2000)]
    file.write_text("From: a@b\nSubject: x\n" + "".join(parts) + "Content-Type: text/plain\n\nx")


def page_with_the_owners_file(file: Path, secret: Path) -> None:
    file.write_text(
        f'<html><body><h1>News</h1><p>{"All is well here. " * 40}</p><iframe src="file://{secret}">'
        f'</iframe><img src="file://{secret}"><object data="file://{secret}"></object></body></html>'
    )


def xml_with_entity(file: Path, secret: Path) -> None:
    file.write_text(
        f'<?xml version="1.0"?><!DOCTYPE html [<!ENTITY x SYSTEM "file://{secret}">]>'
        f'<html xmlns="http://www.w3.org/1999/xhtml"><body><p>{"Hello there. " * 50}&x;</p></body>'
        "</html>"
    )


def _deep(opening: str, closing: str, times: int, inside: str = "x") -> Make:
    return written((opening * times + inside + closing * times).encode())


DOCUMENTS = tuple(
    HostileInput(name, "document", filename, make, ends)
    for name, filename, make, ends in (
        ("empty", "a.pdf", written(b""), failing(UNREADABLE)),
        ("noise", "a.pdf", written(b"%PDF-1.7\n" + noise(50_000)),
         failing(UNREADABLE, UNSUPPORTED)),
        ("a DOCX of 400 MB", "a.docx", docx_bomb, failing(TOO_LARGE, UNREADABLE)),
        ("an XLSX of 400 MB", "a.xlsx", xlsx_bomb, failing(TOO_LARGE, UNREADABLE)),
        ("the owner's file as entity", "a.docx", docx_with_entity, failing_or_read(UNREADABLE)),
        ("the owner's file as link", "a.docx", docx_with_link, failing_or_read(UNREADABLE)),
        ("a billion laughs", "a.docx", written(docx(body("&a9;", _entities()))),
         failing_or_read(UNREADABLE, TOO_LARGE)),
        ("a ZIP that climbs out", "a.docx", climbing_zip, failing_or_read(UNREADABLE)),
        ("an EPUB of 20,000 pages", "a.epub", crowded_epub, failing(TOO_LARGE, UNREADABLE)),
        ("a PDF stream of 240 MB", "a.pdf", pdf_bomb, failing_or_read(TOO_LARGE, UNREADABLE)),
        ("a PDF whose pages are themselves", "a.pdf", written(_LOOP),
         failing(UNREADABLE, TOO_LARGE)),
        ("a PDF with a password", "a.pdf", written(_LOCKED), failing(UNREADABLE)),
        ("a PDF that opens files", "a.pdf", pdf_that_opens_files, failing(UNREADABLE)),
        ("RTF in RTF in RTF", "a.rtf", _deep("{\\rtf1 ", "}", 100_000),
         failing_or_read(UNREADABLE, TOO_LARGE)),
        ("a table of a million columns", "a.csv", written(b"x," * 1_000_000),
         failing_or_read(TOO_LARGE, UNREADABLE)),
        ("mail in mail in mail", "a.eml", nested_mail, failing_or_read(UNREADABLE, TOO_LARGE)),
        ("a program", "a.docx", written(b"\x7fELF" + noise(5000)),
         failing(UNREADABLE, UNSUPPORTED)),
    )
)  # fmt: skip

PAGES = tuple(
    HostileInput(name, "web", filename, make, ends)
    for name, filename, make, ends in (
        ("200,000 nested elements", "a.html", _deep("<div>", "</div>", 200_000),
         failing_or_read(UNREADABLE, TOO_LARGE)),
        ("the owner's file in a frame", "a.html", page_with_the_owners_file, READ),
        ("the owner's file as entity", "a.xhtml", xml_with_entity, failing_or_read(UNREADABLE)),
        ("nothing but scripts", "a.html", written(b"<script>while(1);</script>" * 5000),
         failing(UNREADABLE)),
        ("noise", "a.html", written(noise(200_000)), failing_or_read(UNREADABLE, UNSUPPORTED)),
        ("a tag without an end", "a.html", written(b"<p " + b"a=b " * 1_000_000),
         failing(UNREADABLE, TOO_LARGE)),
    )
)  # fmt: skip

TEXTS = tuple(
    HostileInput(name, "text", filename, make, ends)
    for name, filename, make, ends in (
        ("empty", "a.txt", written(b""), failing(UNREADABLE)),
        ("only zeros", "a.txt", written(bytes(100_000)), failing(UNREADABLE)),
        ("noise", "a.txt", written(noise(100_000)), failing(UNREADABLE)),
        ("80 MB", "a.txt", written(b"words and words\n" * 5_000_000), failing(TOO_LARGE)),
        ("one line of 20 MB", "a.md", written(b"# " + b"x" * 20_000_000), READ),
        ("marks that turn text around", "a.txt", written("\u202egnp.txt\u202c x".encode()), READ),
    )
)  # fmt: skip

PAPERS = DOCUMENTS + PAGES + TEXTS
