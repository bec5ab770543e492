"""Says which format a document is in: by what it holds; by its name only where that is text."""

import re
import zipfile
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path, PurePath

from agent.pipelines.document.archives import check_archive
from agent.pipelines.errors import MediaUnreadableError, UnsupportedMediaError


class Kind(StrEnum):
    """The values are for people: they become the fact `Document Type`."""

    PDF = "PDF"
    DOCX = "Word Document"
    PPTX = "PowerPoint Presentation"
    XLSX = "Excel Workbook"
    ODT = "OpenDocument Text"
    ODS = "OpenDocument Spreadsheet"
    ODP = "OpenDocument Presentation"
    DOC = "Word 97 Document"
    PPT = "PowerPoint 97 Presentation"
    XLS = "Excel 97 Workbook"
    MSG = "Outlook Message"
    EPUB = "EPUB"
    RTF = "RTF"
    HTML = "HTML"
    EMAIL = "E-mail"
    TABLE = "Table"
    MARKDOWN = "Markdown"
    TEXT = "Plain Text"


_START = 4096
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLE_ENTRY, _OLE_NAME = 128, 64
"""Bytes of an entry in the directory of such a file, and of the name at its start."""
_OLE_STREAMS = (
    ("WordDocument", Kind.DOC),
    ("PowerPoint Document", Kind.PPT),
    ("Workbook", Kind.XLS),
    ("Book", Kind.XLS),
    ("__properties_version1.0", Kind.MSG),
)
_OOXML_PARTS = (
    ("word/document.xml", Kind.DOCX),
    ("ppt/presentation.xml", Kind.PPTX),
    ("xl/workbook.xml", Kind.XLSX),
)
_OPEN_TYPES: Mapping[bytes, Kind] = {
    b"application/epub+zip": Kind.EPUB,
    b"application/vnd.oasis.opendocument.text": Kind.ODT,
    b"application/vnd.oasis.opendocument.spreadsheet": Kind.ODS,
    b"application/vnd.oasis.opendocument.presentation": Kind.ODP,
}
_MOST_OPEN_TYPE = 200
_BY_SUFFIX: Mapping[str, Kind] = {
    ".csv": Kind.TABLE,
    ".tsv": Kind.TABLE,
    ".tab": Kind.TABLE,
    ".md": Kind.MARKDOWN,
    ".markdown": Kind.MARKDOWN,
    ".mdown": Kind.MARKDOWN,
    ".mkd": Kind.MARKDOWN,
    ".htm": Kind.HTML,
    ".html": Kind.HTML,
    ".xhtml": Kind.HTML,
    ".eml": Kind.EMAIL,
}
_BY_MEDIA_TYPE: Mapping[str, Kind] = {
    "text/csv": Kind.TABLE,
    "text/tab-separated-values": Kind.TABLE,
    "text/markdown": Kind.MARKDOWN,
    "text/html": Kind.HTML,
    "application/xhtml+xml": Kind.HTML,
    "message/rfc822": Kind.EMAIL,
}
_HTML = re.compile(
    rb"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)*<(!doctype\s+html|html)\b", re.IGNORECASE | re.DOTALL
)
_MAIL_FIELD = re.compile(rb"([A-Za-z][A-Za-z0-9-]{1,60}):[ \t]")
_MAIL_NAMES = frozenset({b"from", b"to", b"date", b"subject", b"message-id", b"mime-version"})
_FEWEST_MAIL_NAMES = 2


def kind_of(file: Path, filename: str, media_type: str | None) -> Kind:
    """Raises `UnsupportedMediaError` for what is a known format but no document of ours."""
    with file.open("rb") as opened:
        start = opened.read(_START)
    if b"%PDF-" in start[:1024]:
        return Kind.PDF
    if start.startswith(b"{\\rtf"):
        return Kind.RTF
    if start.startswith(_OLE):
        return _ole_kind(file)
    if start.startswith(b"PK\x03\x04"):
        return _zip_kind(file)
    return _text_kind(start, filename, media_type)


def _ole_kind(file: Path) -> Kind:
    names = _ole_names(file)
    for name, kind in _OLE_STREAMS:
        if name in names:
            return kind
    if "EncryptedPackage" in names:
        raise MediaUnreadableError(
            "the document is locked with a password; save it without one and send it again."
        )
    raise UnsupportedMediaError(
        "this is an old Office container, but no Word, Excel, PowerPoint or Outlook file is in it;"
        " save it as PDF and send that."
    )


def _ole_names(file: Path) -> set[str]:
    """Of all streams: whatever of the file could be an entry of its directory is taken for one."""
    wanted = {name for name, _ in _OLE_STREAMS} | {"EncryptedPackage"}
    found = set()
    with file.open("rb") as opened:
        while entry := opened.read(_OLE_ENTRY):
            name = entry[:_OLE_NAME].decode("utf-16-le", "replace").partition("\0")[0]
            if name in wanted:
                found.add(name)
    return found


def _zip_kind(file: Path) -> Kind:
    with check_archive(file) as archive:
        names = set(archive.namelist())
        for part, kind in _OOXML_PARTS:
            if part in names:
                return kind
        if "mimetype" in names:
            return _open_kind(archive)
    raise UnsupportedMediaError(
        "this is a ZIP archive and no document; unpack it and send the files that are in it."
    )


def _open_kind(archive: zipfile.ZipFile) -> Kind:
    with archive.open("mimetype") as opened:
        told = opened.read(_MOST_OPEN_TYPE).strip()
    for media_type, kind in _OPEN_TYPES.items():
        if told in {media_type, media_type + b"-template"}:
            return kind
    raise UnsupportedMediaError(
        f"documents of type {told.decode('ascii', 'replace')[:60]!r} cannot be read;"
        " save it as PDF and send that."
    )


def _text_kind(start: bytes, filename: str, media_type: str | None) -> Kind:
    """Whether it is text at all is found out by who decodes it."""
    if _HTML.match(start.removeprefix(b"\xef\xbb\xbf")):
        return Kind.HTML
    if _is_mail(start):
        return Kind.EMAIL
    told = (media_type or "").partition(";")[0].strip().lower()
    suffix = PurePath(filename).suffix.lower()
    return _BY_SUFFIX.get(suffix) or _BY_MEDIA_TYPE.get(told) or Kind.TEXT


def _is_mail(start: bytes) -> bool:
    """Two of the fields that every message has, before the first line that is none."""
    found = set()
    for line in start.removeprefix(b"\xef\xbb\xbf").splitlines():
        field = _MAIL_FIELD.match(line)
        if field:
            found.add(field[1].lower())
        elif not (found and line[:1] in {b" ", b"\t"}):
            break
    return len(found & _MAIL_NAMES) >= _FEWEST_MAIL_NAMES
