"""Writes small office documents and books by their parts, as the programs do."""

import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

_W = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
_R = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_P = "http://schemas.openxmlformats.org/presentationml/2006/main"
_A = "http://schemas.openxmlformats.org/drawingml/2006/main"
_S = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_OASIS = "urn:oasis:names:tc:opendocument:xmlns"
_OPEN = " ".join(
    f'xmlns:{name}="{_OASIS}:{full}:1.0"'
    for name, full in (
        ("office", "office"),
        ("text", "text"),
        ("table", "table"),
        ("draw", "drawing"),
        ("presentation", "presentation"),
        ("meta", "meta"),
    )
)
_DC = "http://purl.org/dc/elements/1.1/"
_TYPES = "http://schemas.openxmlformats.org/package/2006/content-types"
_RELS = "http://schemas.openxmlformats.org/package/2006/relationships"
_CORE = "http://schemas.openxmlformats.org/package/2006/metadata/core-properties"
_MAIN = "application/vnd.openxmlformats-officedocument"
Rows = Sequence[Sequence[str]]


def write_zip(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


def write_docx(path: Path, body: str, **more: str) -> Path:
    """`body` of the parts below; `more` replaces whole parts by their names' stems."""
    styles = (
        f'<w:styles xmlns:w="{_W}"><w:style w:type="paragraph" w:styleId="Heading1">'
        '<w:name w:val="heading 1"/><w:pPr><w:outlineLvl w:val="0"/></w:pPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="ListBullet"><w:name w:val="List Bullet"/><w:pPr>'
        '<w:numPr><w:numId w:val="1"/></w:numPr></w:pPr></w:style>'
        '<w:style w:type="paragraph" w:styleId="OwnBullet"><w:name w:val="Own"/>'
        '<w:basedOn w:val="ListBullet"/></w:style></w:styles>'
    )
    document = f'<w:document xmlns:w="{_W}"><w:body>{body}</w:body></w:document>'
    parts = {
        **_package("word/document.xml", f"{_MAIN}.wordprocessingml.document.main+xml"),
        "word/document.xml": more.get("document", document),
        "word/styles.xml": styles,
        "word/_rels/document.xml.rels": _relations(styles="styles.xml"),
    }
    return write_zip(path, parts)


def word_paragraph(text: str, style: str | None = None) -> str:
    styled = f'<w:pPr><w:pStyle w:val="{style}"/></w:pPr>' if style else ""
    return f"<w:p>{styled}<w:r><w:t>{text}</w:t></w:r></w:p>"


def word_table(rows: Rows) -> str:
    cells = ("".join(f"<w:tc>{word_paragraph(cell)}</w:tc>" for cell in row) for row in rows)
    return "<w:tbl>" + "".join(f"<w:tr>{row}</w:tr>" for row in cells) + "</w:tbl>"


def write_xlsx(path: Path, sheets: Mapping[str, Rows]) -> Path:
    names = list(sheets)
    listed = "".join(
        f'<sheet name="{name}" sheetId="{at}" r:id="s{at}"/>' for at, name in enumerate(names, 1)
    )
    parts = {
        **_package("xl/workbook.xml", f"{_MAIN}.spreadsheetml.sheet.main+xml"),
        "xl/workbook.xml": (
            f'<workbook xmlns="{_S}" xmlns:r="{_R}"><sheets>{listed}</sheets></workbook>'
        ),
        "xl/_rels/workbook.xml.rels": _relations(
            **{f"s{at}": f"worksheets/sheet{at}.xml" for at in range(1, len(names) + 1)}
        ),
    }
    for at, rows in enumerate(sheets.values(), 1):
        parts[f"xl/worksheets/sheet{at}.xml"] = _sheet(rows)
    return write_zip(path, parts)


def _sheet(rows: Rows) -> str:
    written = "".join(
        "<row>" + "".join(f'<c t="inlineStr"><is><t>{cell}</t></is></c>' for cell in row) + "</row>"
        for row in rows
    )
    return f'<worksheet xmlns="{_S}"><sheetData>{written}</sheetData></worksheet>'


def write_pptx(path: Path, slides: Sequence[tuple[str, Sequence[str]]]) -> Path:
    """A title and its lines for each slide."""
    listed = "".join(f'<p:sldId id="{255 + at}" r:id="s{at}"/>' for at in range(1, len(slides) + 1))
    parts = {
        **_package("ppt/presentation.xml", f"{_MAIN}.presentationml.presentation.main+xml"),
        "ppt/presentation.xml": (
            f'<p:presentation xmlns:p="{_P}" xmlns:r="{_R}"><p:sldIdLst>{listed}</p:sldIdLst>'
            "</p:presentation>"
        ),
        "ppt/_rels/presentation.xml.rels": _relations(
            **{f"s{at}": f"slides/slide{at}.xml" for at in range(1, len(slides) + 1)}
        ),
    }
    for at, (title, lines) in enumerate(slides, 1):
        shapes = _shape("title", [title]) + _shape("body", lines)
        parts[f"ppt/slides/slide{at}.xml"] = (
            f'<p:sld xmlns:p="{_P}" xmlns:a="{_A}"><p:cSld><p:spTree>{shapes}</p:spTree></p:cSld>'
            "</p:sld>"
        )
    return write_zip(path, parts)


def _shape(role: str, lines: Sequence[str]) -> str:
    paragraphs = "".join(f"<a:p><a:r><a:t>{line}</a:t></a:r></a:p>" for line in lines)
    place = f'<p:nvSpPr><p:nvPr><p:ph type="{role}"/></p:nvPr></p:nvSpPr>'
    return f"<p:sp>{place}<p:txBody>{paragraphs}</p:txBody></p:sp>"


def write_epub(path: Path, title: str, chapters: Sequence[str]) -> Path:
    """Each chapter is the body of a page of XHTML."""
    names = [f"c{at}.xhtml" for at in range(len(chapters))]
    items = "".join(
        f'<item id="{name}" href="{name}" media-type="application/xhtml+xml"/>' for name in names
    )
    spine = "".join(f'<itemref idref="{name}"/>' for name in names)
    parts: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": (
            '<container version="1.0" xmlns="urn:oasis:names:tc:opendocument:xmlns:container">'
            '<rootfiles><rootfile full-path="book.opf"'
            ' media-type="application/oebps-package+xml"/></rootfiles></container>'
        ),
        "book.opf": (
            '<package xmlns="http://www.idpf.org/2007/opf" version="3.0" unique-identifier="id">'
            f'<metadata xmlns:dc="{_DC}"><dc:identifier id="id">x</dc:identifier>'
            f"<dc:title>{title}</dc:title><dc:language>en</dc:language></metadata>"
            f"<manifest>{items}</manifest><spine>{spine}</spine></package>"
        ),
    }
    for name, chapter in zip(names, chapters, strict=True):
        parts[name] = f'<html xmlns="http://www.w3.org/1999/xhtml"><body>{chapter}</body></html>'
    return write_zip(path, parts)


def write_open(path: Path, kind: str, body: str, title: str = "") -> Path:
    """`kind`: text, spreadsheet or presentation."""
    parts = {
        "mimetype": f"application/vnd.oasis.opendocument.{kind}",
        "content.xml": (
            f"<office:document-content {_OPEN}><office:body><office:{kind}>{body}"
            f"</office:{kind}></office:body></office:document-content>"
        ),
        "meta.xml": (
            f'<office:document-meta {_OPEN} xmlns:dc="{_DC}"><office:meta>'
            f"<dc:title>{title}</dc:title></office:meta></office:document-meta>"
        ),
        "META-INF/manifest.xml": (
            f'<manifest:manifest xmlns:manifest="{_OASIS}:manifest:1.0">'
            '<manifest:file-entry manifest:full-path="content.xml"'
            ' manifest:media-type="text/xml"/></manifest:manifest>'
        ),
    }
    return write_zip(path, parts)


def open_table(name: str, rows: Rows) -> str:
    cell = '<table:table-cell office:value-type="string"><text:p>{}</text:p></table:table-cell>'
    cells = ("".join(map(cell.format, row)) for row in rows)
    written = "".join(f"<table:table-row>{row}</table:table-row>" for row in cells)
    return f'<table:table table:name="{name}">{written}</table:table>'


def _package(main: str, media_type: str) -> dict[str, str | bytes]:
    return {
        "[Content_Types].xml": (
            f'<Types xmlns="{_TYPES}"><Default Extension="xml" ContentType="application/xml"/>'
            '<Default Extension="rels"'
            ' ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/{main}" ContentType="{media_type}"/></Types>'
        ),
        "_rels/.rels": (
            f'<Relationships xmlns="{_RELS}">'
            f'<Relationship Id="m" Type="{_R}/officeDocument" Target="{main}"/>'
            '<Relationship Id="c" Type="http://schemas.openxmlformats.org/package/2006/relationships'
            '/metadata/core-properties" Target="docProps/core.xml"/></Relationships>'
        ),
        "docProps/core.xml": (
            f'<cp:coreProperties xmlns:cp="{_CORE}" xmlns:dc="{_DC}"><dc:title>On Water</dc:title>'
            "<dc:creator>Ann Lee</dc:creator></cp:coreProperties>"
        ),
    }


def _relations(**targets: str) -> str:
    kinds = {"styles": "styles"}
    written = "".join(
        f'<Relationship Id="{name}" Type="{_R}/{kinds.get(name, _kind_of(target))}"'
        f' Target="{target}"/>'
        for name, target in targets.items()
    )
    return f'<Relationships xmlns="{_RELS}">{written}</Relationships>'


def _kind_of(target: str) -> str:
    return "slide" if target.startswith("slides/") else "worksheet"
