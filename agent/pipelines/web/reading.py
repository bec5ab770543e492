"""The reader of web pages, inside the box: no script runs, and nothing that they name is loaded."""

import copy
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urldefrag, urljoin

import lxml.html
from trafilatura import extract

from agent.model.ids import Bytes, JsonObject
from agent.pipelines.box.request import Tell
from agent.pipelines.document.html import as_markdown, decode_html, parsed
from agent.pipelines.errors import MediaUnreadableError, TooLargeError
from agent.pipelines.web.archives import Saved, is_archive, unpack_archive
from agent.pipelines.web.content import Link, WebPage
from agent.pipelines.web.metadata import page_facts

_MAX_SIZE = Bytes(64 * 1024**2)
_KEPT = ("http://", "https://", "mailto:")
_UNPRINTABLE = re.compile(r"[\x00-\x20\x7f-\x9f]")
_FEWEST_WORDS = 25
"""Of a main content that is worth the name."""
_MUCH = 2
_ALL_KEPT = "the main content cannot be told from the rest, so all of the page is kept"
_MOST_LINKS = 200
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\\[\[\]])*)\]\((https?://[^)\s]+)\)")
_EMPTY_LINK = re.compile(r"(?<!!)\[\s*\]\([^)\s]*\)")
_CELL_END = re.compile(r"[ \t]+$", re.MULTILINE)


def read_page(file: Path, _scratch: Path, arguments: JsonObject, _tell: Tell) -> JsonObject:
    """Arguments: `url` and `charset`, where they are known; `is_packed`; `links`."""
    saved = _saved(file, arguments)
    text, encoding = _decoded(saved)
    tree = parsed(text)
    facts = page_facts(tree, saved.url)
    _make_links_absolute(tree, facts.url or "")
    markdown, warnings = _main_content(tree, keeps_links=arguments.get("links") is not False)
    return WebPage(
        markdown=markdown,
        facts=facts,
        encoding=encoding,
        links=list(_links(markdown)),
        warnings=warnings,
    ).as_json()


def _make_links_absolute(tree: lxml.html.HtmlElement, page_url: str) -> None:
    """Where they lead from this page; one that leads nowhere is no link any more."""
    told = tree.find(".//base[@href]")
    base = _joined(page_url, told.get("href")) if told is not None else page_url
    for link in tree.iter("a"):
        url = _joined(base or page_url, link.get("href") or "")
        if url and url.startswith(_KEPT):
            link.set("href", url)
        else:
            link.attrib.pop("href", None)


def _joined(base: str, url: str) -> str | None:
    try:
        return _UNPRINTABLE.sub("", urljoin(base, url.strip()))
    except ValueError:
        return None


def _saved(file: Path, arguments: JsonObject) -> Saved:
    if file.stat().st_size > _MAX_SIZE:
        raise TooLargeError(f"the page is over the limit of {_MAX_SIZE // 1024**2} MiB.")
    raw = file.read_bytes()
    if arguments.get("is_packed"):
        raw = _unpacked(raw)
    url, charset = arguments.get("url"), arguments.get("charset")
    if is_archive(raw):
        return unpack_archive(raw)
    return Saved(
        raw, url if isinstance(url, str) else None, charset if isinstance(charset, str) else None
    )


def _unpacked(raw: bytes) -> bytes:
    unpacking = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        content = unpacking.decompress(raw, _MAX_SIZE)
    except zlib.error as error:
        raise MediaUnreadableError("the page is packed, and broken.") from error
    if unpacking.unconsumed_tail:
        raise TooLargeError(f"the page unpacks to more than {_MAX_SIZE // 1024**2} MiB.")
    return content


def _decoded(saved: Saved) -> tuple[str, str]:
    """What the server said of the encoding stands above what the page says."""
    if saved.charset:
        try:
            return saved.raw.decode(saved.charset), saved.charset.lower()
        except (LookupError, UnicodeDecodeError):
            pass
    return decode_html(saved.raw)


def _main_content(tree: lxml.html.HtmlElement, *, keeps_links: bool) -> tuple[str, list[str]]:
    """Without menus, banners and feet; the whole page where there is hardly anything else."""
    main = extract(
        copy.deepcopy(tree),
        output_format="markdown",
        include_formatting=True,
        include_links=keeps_links,
        include_tables=True,
        include_comments=False,
        include_images=False,
        deduplicate=False,
    )
    found = _tidied(main or "")
    if _word_count(found) >= _FEWEST_WORDS:
        return found, []
    whole = as_markdown(tree)
    hides_much = _word_count(whole) > _MUCH * max(_word_count(found), _FEWEST_WORDS)
    return whole, [_ALL_KEPT] if hides_much else []


def _tidied(markdown: str) -> str:
    return _CELL_END.sub("", _EMPTY_LINK.sub("", markdown)).strip()


def _word_count(markdown: str) -> int:
    return len(markdown.split())


def _links(markdown: str) -> Iterator[Link]:
    seen: set[str] = set()
    for found in _LINK.finditer(markdown):
        url = urldefrag(found[2]).url
        if url not in seen and len(seen) < _MOST_LINKS:
            seen.add(url)
            yield Link(" ".join(found[1].replace("\\", "").split())[:200] or url, url)
