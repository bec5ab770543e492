import json
from email.message import EmailMessage
from pathlib import Path

import pytest

from tests.pipelines.document.conftest import ReadDocument
from tests.pipelines.document.offices import (
    open_table,
    word_paragraph,
    word_table,
    write_docx,
    write_epub,
    write_open,
    write_pptx,
    write_xlsx,
)

PRICES = [["Name", "Price"], ["Tea", "3"], ["Milk | cold", "4"]]
PRICE_TABLE = "| Name | Price |\n| --- | --- |\n| Tea | 3 |\n| Milk \\| cold | 4 |"


def test_a_word_document_keeps_headings_lists_and_tables(
    tmp_path: Path, read: ReadDocument
) -> None:
    body = (
        word_paragraph("Drinks", "Heading1")
        + word_paragraph("Two words.")
        + word_paragraph("first", "ListBullet")
        + word_paragraph("second", "OwnBullet")
        + word_table(PRICES[:2])
    )
    source = write_docx(tmp_path / "input", body)

    document = read(source, "a.docx")

    assert document.markdown == (
        "# Document: a.docx\n\n"
        "## Document Information\n\n"
        "- **Word Count**: 9\n"
        "- **Document Type**: Word Document\n"
        "- **Title**: On Water\n"
        "- **Author**: Ann Lee\n"
        f"- **File Size**: {source.stat().st_size} bytes\n\n"
        "## Content\n\n## Drinks\n\nTwo words.\n\n- first\n- second\n\n"
        "| Name | Price |\n| --- | --- |\n| Tea | 3 |\n"
    )
    assert document.summary == {
        "content_type": "document",
        "document_type": "Word Document",
        "word_count": 9,
        "title": "On Water",
        "author": "Ann Lee",
        "table_count": 1,
        "ocr_pages": 0,
    }


def test_each_sheet_of_a_workbook_is_a_table_below_its_name(
    tmp_path: Path, read: ReadDocument
) -> None:
    source = write_xlsx(tmp_path / "input", {"Prices": PRICES, "Empty": [], "Half": [["a", "b"]]})

    document = read(source)

    assert document.body == f"## Prices\n\n{PRICE_TABLE}\n\n## Half\n\n| a | b |\n| --- | --- |"
    assert document.summary["document_type"] == "Excel Workbook"


def test_slides_are_numbered_above_their_titles(tmp_path: Path, read: ReadDocument) -> None:
    source = write_pptx(tmp_path / "input", [("First", ["one", "two"]), ("Second", ["three"])])

    document = read(source)

    assert document.body == "[Slide 1]\n## First\n\n- one\n- two\n\n[Slide 2]\n## Second\n\nthree"
    assert document.summary["page_count"] == 2


def test_the_chapters_of_a_book_follow_one_another(tmp_path: Path, read: ReadDocument) -> None:
    chapters = ["<h1>One</h1><p>Once <em>upon</em> a time</p>", "<h1>Two</h1><ul><li>x</li></ul>"]
    source = write_epub(tmp_path / "input", "A Book", chapters)

    document = read(source)

    assert document.body == "## One\n\nOnce *upon* a time\n\n## Two\n\n- x"
    assert document.summary["title"] == "A Book"
    assert document.summary["language"] == "en"


def test_open_text_keeps_headings_lists_and_tables(tmp_path: Path, read: ReadDocument) -> None:
    body = (
        '<text:h text:outline-level="1">Head</text:h><text:p>Words.</text:p>'
        "<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>"
    )
    source = write_open(tmp_path / "input", "text", body + open_table("T", PRICES[:2]), "Title")

    document = read(source)

    table = "| Name | Price |\n| --- | --- |\n| Tea | 3 |"
    assert document.body == f"## Head\n\nWords.\n\n- item\n\n{table}"
    assert document.summary["title"] == "Title"


def test_an_open_spreadsheet_is_read(tmp_path: Path, read: ReadDocument) -> None:
    source = write_open(tmp_path / "input", "spreadsheet", open_table("Prices", PRICES))

    assert read(source).body == f"## Prices\n\n{PRICE_TABLE}"


def test_an_open_presentation_is_read_with_its_notes(tmp_path: Path, read: ReadDocument) -> None:
    frame = "<draw:frame><draw:text-box>{}</draw:text-box></draw:frame>"
    body = (
        "<draw:page>"
        '<draw:frame presentation:class="title"><draw:text-box><text:p>Title</text:p>'
        "</draw:text-box></draw:frame>"
        + frame.format(
            "<text:list><text:list-item><text:p>item</text:p></text:list-item></text:list>"
        )
        + frame.format(open_table("T", PRICES[:2]))
        + f"<presentation:notes>{frame.format('<text:p>Say hello.</text:p>')}</presentation:notes>"
        "</draw:page><draw:page/>"
    )
    source = write_open(tmp_path / "input", "presentation", body, "Deck")

    document = read(source)

    table = "| Name | Price |\n| --- | --- |\n| Tea | 3 |"
    assert document.body == f"[Slide 1]\n## Title\n\n- item\n\n{table}\n\nNotes:\n\nSay hello."
    assert document.summary["page_count"] == 2


def test_rich_text_is_read_with_its_table_and_umlauts(tmp_path: Path, read: ReadDocument) -> None:
    source = tmp_path / "input"
    source.write_text(
        r"{\rtf1\ansi\ansicpg1252{\info{\title Notes}{\author Ann}}\b Big\b0\par gr\'fcn\par"
        r"\trowd\cellx1000\cellx2000\intbl A\cell B\cell\row"
        r"\trowd\cellx1000\cellx2000\intbl 1\cell 2\cell\row\pard End.\par}"
    )

    document = read(source)

    assert document.body == "**Big**\n\ngrün\n\n| A | B |\n| --- | --- |\n| 1 | 2 |\n\nEnd."
    assert document.summary["title"] == "Notes"


def test_a_page_of_html_is_kept_but_for_its_menus_and_what_nobody_sees(
    tmp_path: Path, read: ReadDocument
) -> None:
    source = tmp_path / "input"
    source.write_bytes(
        "<html lang='fr'><head><meta charset='iso-8859-1'><title>Été</title>"
        "<meta name='author' content='Zoé'><style>p{}</style></head><body><nav>Menu</nav>"
        "<h1>Été</h1><p>de <a href='https://example.org/a'>l'eau</a></p><ol><li>un</li></ol>"
        "<script>var hidden</script><img src='data:image/png;base64,AAAA' alt='une vague'>"
        "<p>fin</body></html>".encode("cp1252")
    )

    document = read(source, "page.html")

    assert document.body == (
        "## Été\n\nde [l'eau](https://example.org/a)\n\n1. un\n\nune vague\n\nfin"
    )
    assert document.summary["author"] == "Zoé"
    assert document.summary["language"] == "fr"
    assert document.summary["encoding"] == "cp1252"


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_a_table_of_text_is_read_whatever_parts_its_cells(
    tmp_path: Path, read: ReadDocument, sign: str
) -> None:
    source = tmp_path / "input"
    rows = [["Käse", "Preis"], ["alt, sehr; alt", "3"], ["jung", ""]]
    cells = ([f'"{cell}"' for cell in row] for row in rows)
    source.write_bytes("\r\n".join(map(sign.join, cells)).encode("cp1252"))

    document = read(source, "cheese.csv")

    assert document.body == "| Käse | Preis |\n| --- | --- |\n| alt, sehr; alt | 3 |\n| jung |  |"
    assert document.summary["table_count"] == 1


def test_what_a_long_table_leaves_out_is_said(tmp_path: Path, read: ReadDocument) -> None:
    source = tmp_path / "input"
    source.write_text("".join(f"{row},x\n" for row in range(5012)))

    document = read(source, "long.csv")

    assert document.body.endswith("| 4999 | x |\n\n(left out: 12 of 5012 rows.)")
    assert document.summary["warnings"] == ["left out: 12 of 5012 rows"]


def test_markdown_is_told_from_plain_text_by_its_name(tmp_path: Path, read: ReadDocument) -> None:
    source = tmp_path / "input"
    source.write_text("# Part\n\nwords\n")

    assert read(source, "a.md").markdown.endswith("bytes\n\n## Content\n\n## Part\n\nwords\n")


def test_plain_text_keeps_every_sign(tmp_path: Path, read: ReadDocument) -> None:
    source = tmp_path / "input"
    source.write_text("# not a heading\n")

    document = read(source, "a.txt")

    assert document.markdown.endswith("\n\n## Content\n\n# not a heading\n")
    assert (document.output / "text.txt").read_text() == "# not a heading\n"
    assert document.summary["document_type"] == "Plain Text"


def message(**fields: str) -> EmailMessage:
    mail = EmailMessage()
    for name, value in fields.items():
        mail[name] = value
    return mail


def test_a_message_is_read_with_its_fields_and_attachments(
    tmp_path: Path, read: ReadDocument
) -> None:
    mail = message(
        From="Jürgen <j@example.org>",
        To="ann@example.org",
        Subject="Grüße",
        Date="Thu, 01 Jan 2026 10:00:00 +0100",
    )
    mail.set_content("Hallo Ann,\n\nbis bald.\n")
    mail.add_alternative("<p>Hallo <b>Ann</b></p>", subtype="html")
    mail.add_attachment(b"x" * 1200, maintype="application", subtype="pdf", filename="Plan.pdf")
    source = tmp_path / "input"
    source.write_bytes(bytes(mail))

    document = read(source, "mail.eml")

    assert document.body == (
        "## Grüße\n\n"
        "- **From**: Jürgen <j@example.org>\n- **To**: ann@example.org\n"
        "- **Date**: Thu, 01 Jan 2026 10:00:00 +0100\n- **Subject**: Grüße\n\n"
        "Hallo Ann,\n\nbis bald.\n\n"
        "### Attachments\n\n- Plan.pdf (application/pdf, 1200 bytes)"
    )
    assert document.summary["creation_date"] == "2026-01-01T10:00:00+01:00"


def test_a_message_in_html_alone_becomes_markdown(tmp_path: Path, read: ReadDocument) -> None:
    mail = message(From="a@example.org", Subject="News")
    mail.set_content("<h2>Tea</h2><ul><li>green</li></ul>", subtype="html")
    source = tmp_path / "input"
    source.write_bytes(bytes(mail))

    assert read(source).body.endswith("### Tea\n\n- green")


def test_the_parts_of_a_document_can_be_found_again(tmp_path: Path, read: ReadDocument) -> None:
    source = write_pptx(tmp_path / "input", [("First", ["one"]), ("Second", ["two"])])

    document = read(source, "deck.pptx")

    told = json.loads((document.output / "document.json").read_text("utf-8"))
    text = (document.output / "text.txt").read_text("utf-8")
    assert [text[page["start"] : page["end"]] for page in told["pages"]] == [
        "First\n\none",
        "Second\n\ntwo",
    ]
    assert told["word_count"] == 4


def test_words_alone_are_kept_where_formatting_is_not_wanted(
    tmp_path: Path, read: ReadDocument
) -> None:
    body = word_paragraph("Drinks", "Heading1") + word_table(PRICES[:2])
    source = write_docx(tmp_path / "input", body)

    document = read(source, preserve_formatting=False)

    assert document.body == "Drinks\n\nName\tPrice\n\nTea\t3"
