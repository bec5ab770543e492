"""Turns a page of HTML into Markdown, all of it but what nobody sees. Nothing is loaded, or run."""

import codecs
import re

import lxml.html
from lxml import etree

from agent.pipelines.document.charset import read_text
from agent.pipelines.document.content import Content, Facts, Page
from agent.pipelines.document.extraction import extract
from agent.pipelines.document.kinds import Kind
from agent.pipelines.errors import MediaUnreadableError

_META_CHARSET = re.compile(rb"<meta[^>]+charset\s*=\s*[\"']?\s*([a-zA-Z0-9_:.-]+)", re.IGNORECASE)
_XML_ENCODING = re.compile(rb"^\s*<\?xml[^>]+encoding\s*=\s*[\"']([a-zA-Z0-9_:.-]+)", re.IGNORECASE)
_TAG = re.compile(r"<[a-zA-Z!/]")
_MOST_BROKEN = 0.02
"""Of the letters of a page."""
_DECLARED_WITHIN = 8192
_BOMS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_UNSEEN = (
    "head", "script", "style", "noscript", "template", "iframe", "object", "embed", "svg",
    "canvas", "audio", "video", "form", "button", "select", "textarea", "input",
)  # fmt: skip
_BLOCKS = frozenset({"body", "main", "article", "section", "div", "figure"})
_BLANK_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
_EMPTY_LINK = re.compile(r"(?<!!)\[\s*\]\([^)\s]*\)")


def read_html(raw: bytes) -> Content:
    text, encoding = decode_html(raw)
    tree = parsed(text)
    facts = facts_of(tree)
    return Content(kind=Kind.HTML, pages=[Page(as_markdown(tree))], facts=facts, encoding=encoding)


def decode_html(raw: bytes) -> tuple[str, str]:
    """The text and its encoding: what the mark at its start says, the page itself, or its bytes."""
    declared = _declared(raw)
    if declared is not None and not raw.startswith(_BOMS):
        try:
            return raw.decode(declared).replace("\r\n", "\n"), declared
        except (UnicodeDecodeError, LookupError):
            pass
    try:
        text = read_text(raw)
    except MediaUnreadableError:
        forgiven = _forgiving(raw, declared or "utf-8")
        if forgiven is None:
            raise
        return forgiven
    return text.content, text.encoding


def _forgiving(raw: bytes, encoding: str) -> tuple[str, str] | None:
    """A page with a few broken letters is a page, as it is for browsers."""
    try:
        text = raw.decode(encoding, "replace").replace("\0", "\ufffd")
    except LookupError:
        return None
    is_page = _TAG.search(text[:_DECLARED_WITHIN]) is not None
    return (
        (text, encoding) if is_page and text.count("\ufffd") <= _MOST_BROKEN * len(text) else None
    )


def parsed(text: str) -> lxml.html.HtmlElement:
    # As bytes: lxml refuses text that declares an encoding of its own. `huge_tree` stays off.
    parser = lxml.html.HTMLParser(encoding="utf-8", no_network=True, remove_comments=True)
    try:
        return lxml.html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except etree.ParserError as error:
        raise MediaUnreadableError("the page holds no text.") from error


def as_markdown(tree: lxml.html.HtmlElement) -> str:
    """Changes `tree`."""
    etree.strip_elements(tree, *_UNSEEN, with_tail=False)
    for image in tree.iter("img"):
        _put_words_in_place_of(image)
    markup = etree.tostring(tree, encoding="utf-8", method="html")
    markdown = _EMPTY_LINK.sub("", extract(markup, Kind.HTML).markdown)
    return _BLANK_LINES.sub("\n\n", markdown).strip()


def _put_words_in_place_of(image: lxml.html.HtmlElement) -> None:
    """A picture's address helps nobody who reads, and may hold the whole picture."""
    parent = image.getparent()
    image.text = image.get("alt") or ""
    image.tag = "p" if parent is not None and parent.tag in _BLOCKS else "span"
    image.attrib.clear()


def facts_of(tree: lxml.html.HtmlElement) -> Facts:
    title = tree.findtext(".//title")
    return Facts(
        title=_told(title),
        author=_meta(tree, "author"),
        created=_meta(tree, "date", "dcterms.created", "article:published_time"),
        language=_told(tree.get("lang")),
    )


def _declared(raw: bytes) -> str | None:
    start = raw[:_DECLARED_WITHIN]
    found = _META_CHARSET.search(start) or _XML_ENCODING.search(start)
    if not found:
        return None
    name = found[1].decode("ascii").lower()
    if name.startswith(("utf-16", "utf-32")):
        return None  # in which these very letters could not have been read
    # As browsers do: who declares Latin-1 means Windows-1252.
    return "cp1252" if name in {"iso-8859-1", "latin1", "latin-1", "us-ascii", "ascii"} else name


def _meta(tree: lxml.html.HtmlElement, *names: str) -> str | None:
    for element in tree.iter("meta"):
        name = element.get("name") or element.get("property") or ""
        if name.lower() in names:
            return _told(element.get("content"))
    return None


def _told(value: str | None) -> str | None:
    return " ".join((value or "").split())[:500] or None
