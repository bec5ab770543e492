import gzip
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path

import pytest

from agent.model.ids import JsonObject, JsonValue
from agent.model.work import PipelineSettings, Progress
from agent.pipelines.errors import MediaUnreadableError, OptionsInvalidError, TooLargeError
from agent.pipelines.web.pipeline import WebPipeline
from tests.pipelines.conftest import MakeTask
from tests.pipelines.web.servers import answer, answers, serving

WORDS = "A long sentence with many words that belongs to what the page has to say. " * 3
PAGE = f"""<!doctype html><html lang="en"><head><title>On Tea | The Site</title>
<link rel="canonical" href="https://example.org/tea/green">
<meta property="og:site_name" content="The Site">
<meta name="description" content="All about tea.">
<script type="application/ld+json">{{"@graph": [{{"@type": "Article", "headline": "On Tea",
 "author": [{{"name": "Ann"}}, {{"name": "Bob Lee"}}], "datePublished": "2026-02-03"}}]}}</script>
<script>document.write("scripted")</script></head><body>
<nav><a href="/">Home</a><a href="/login">Log in</a></nav>
<div class="cookie-banner">We use cookies. Accept all</div>
<main><article><h1>On Tea</h1><p>{WORDS}</p><h2>Kinds</h2>
<p>See <a href="black">black tea</a> and <a href="https://other.example/x#y">more [here]</a>.</p>
<ul><li>green</li><li>white</li></ul><h3>Prices</h3>
<table><tr><th>Tea</th><th>Price</th></tr><tr><td>green</td><td>3</td></tr></table>
<p>{WORDS}</p></article></main>
<footer>All rights reserved</footer></body></html>"""
LONG = WORDS.strip()

GOLDEN = f"""# Web Page: On Tea

## Page Information

- **URL**: https://example.org/tea/green
- **Title**: On Tea
- **Author**: Ann, Bob Lee
- **Date**: 2026-02-03
- **Description**: All about tea.
- **Site**: The Site
- **Words**: 106
- **Language**: en

## Main Content

{LONG}

### Kinds

See [black tea](https://example.org/tea/black) and [more \\[here\\]](https://other.example/x#y).

- green
- white

#### Prices

| Tea | Price |
|---|---|
| green | 3 |

{LONG}

## Links

- [black tea](https://example.org/tea/black)
- [more \\[here\\]](https://other.example/x)
"""


@dataclass(frozen=True, slots=True)
class Read:
    summary: JsonObject
    output: Path

    @property
    def markdown(self) -> str:
        return (self.output / "page.md").read_text("utf-8")


ReadPage = Callable[..., Read]
CAREFUL = PipelineSettings()
ALLOWED = PipelineSettings(allow_web_fetch=True, allow_private_addresses=True)


@pytest.fixture
def read(make_task: MakeTask, progress: list[Progress]) -> ReadPage:
    def run(
        source: Path,
        filename: str | None = None,
        settings: PipelineSettings = CAREFUL,
        **options: JsonValue,
    ) -> Read:
        task = make_task("web", source, filename, **options)
        produced = WebPipeline(settings).run(task, progress.append)
        return Read(produced.summary, Path(task.output))

    return run


def saved(folder: Path, content: str | bytes) -> Path:
    path = folder / "input"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_a_saved_page_becomes_its_main_content(tmp_path: Path, read: ReadPage) -> None:
    page = read(saved(tmp_path, PAGE), "tea.html")

    assert page.markdown == GOLDEN
    assert page.summary == {
        "content_type": "web",
        "url": "https://example.org/tea/green",
        "title": "On Tea",
        "description": "All about tea.",
        "author": "Ann, Bob Lee",
        "publication_date": "2026-02-03",
        "language": "en",
        "domain": "example.org",
        "site": "The Site",
        "word_count": 106,
        "link_count": 2,
        "encoding": "utf-8",
    }
    text = (page.output / "text.txt").read_text("utf-8")
    assert "See black tea and more" in text
    assert "https://" not in text


def test_links_are_left_out_where_they_are_not_wanted(tmp_path: Path, read: ReadPage) -> None:
    page = read(saved(tmp_path, PAGE), extract_links=False)

    assert "## Links" not in page.markdown
    assert "See black tea and" in page.markdown


def test_what_the_sender_says_of_the_language_stands_above_the_page(
    tmp_path: Path, read: ReadPage
) -> None:
    assert read(saved(tmp_path, PAGE), language="de").summary["language"] == "de"


def test_a_short_page_is_kept_whole(tmp_path: Path, read: ReadPage) -> None:
    page = read(saved(tmp_path, "<h1>Hi</h1><p>Few <a href='http://x.example/'>words</a></p>"))

    body = page.markdown.partition("## Main Content\n\n")[2]
    assert body == "Few [words](http://x.example/)\n\n## Links\n\n- [words](http://x.example/)\n"
    assert "warnings" not in page.summary


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "utf-16", "shift_jis"])
def test_a_page_is_read_in_the_encoding_that_it_declares(
    tmp_path: Path, read: ReadPage, encoding: str
) -> None:
    words = "日本語のページ" if encoding == "shift_jis" else "Größe und Süße"
    page = f"<html><head><meta charset={encoding}></head><body><p>{words}</p></body></html>"

    assert words in read(saved(tmp_path, page.encode(encoding))).markdown


def test_an_encoding_that_cannot_be_the_pages_own_is_not_believed(
    tmp_path: Path, read: ReadPage
) -> None:
    page = "<html><head><meta charset=utf-16></head><body><p>Größe</p></body></html>"

    assert "Größe" in read(saved(tmp_path, page)).markdown


def test_a_saved_page_with_its_pictures_is_unpacked(tmp_path: Path, read: ReadPage) -> None:
    archive = EmailMessage()
    archive["From"] = "<Saved by a browser>"
    archive["Snapshot-Content-Location"] = "https://example.org/tea/green"
    archive.set_content(PAGE.replace("canonical", "other"), subtype="html", cte="quoted-printable")
    archive.make_related()
    archive.add_related(b"GIF89a", maintype="image", subtype="gif", cid="<1>")

    page = read(saved(tmp_path, bytes(archive)), "tea.mhtml")

    assert page.markdown == GOLDEN


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("<html><body><script>draw()</script></body></html>", "holds no text"),
        ("<html></html>", "holds no text"),
        (b"\x89PNG\r\n\x1a\n" + bytes(64), "PNG"),
        ("", "empty"),
    ],
)
def test_what_holds_no_page_is_said_in_words(
    tmp_path: Path, read: ReadPage, content: str | bytes, why: str
) -> None:
    with pytest.raises(MediaUnreadableError, match=why):
        read(saved(tmp_path, content))


def test_a_page_is_fetched_only_where_the_owner_allows_it(tmp_path: Path, read: ReadPage) -> None:
    with pytest.raises(OptionsInvalidError, match="owner of this machine has not allowed it"):
        read(saved(tmp_path, PAGE), url="http://127.0.0.1/")


def test_an_owner_who_is_offline_fetches_nothing(tmp_path: Path, read: ReadPage) -> None:
    settings = PipelineSettings(allow_web_fetch=True, offline=True)

    with pytest.raises(OptionsInvalidError, match="not allowed"):
        read(saved(tmp_path, PAGE), settings=settings, url="http://127.0.0.1/")


def test_the_owners_own_network_is_not_asked_unless_that_is_allowed_too(
    tmp_path: Path, read: ReadPage
) -> None:
    with (
        serving(answers({"/": answer(PAGE.encode())})) as server,
        pytest.raises(OptionsInvalidError, match=r"port \d+ is not one"),
    ):
        read(
            saved(tmp_path, PAGE), settings=PipelineSettings(allow_web_fetch=True), url=server.url()
        )

    assert not server.requests


def shortcuts(url: str) -> Sequence[tuple[str, str]]:
    escaped = url.replace("&", "&amp;")
    return (
        ("bookmark.url", f"[InternetShortcut]\r\nURL={url}\r\nIconIndex=0\r\n"),
        (
            "bookmark.webloc",
            (
                '<?xml version="1.0"?><!DOCTYPE plist PUBLIC "-//A" "http://www.apple.com/x.dtd">'
                f"<plist><dict><key>URL</key><string>{escaped}</string></dict></plist>"
            ),
        ),
        ("address.txt", f"\n{url}\n"),
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "127.1", "0x7f.1", "2130706433", "[::1]", "0"])
def test_no_way_to_write_loopback_gets_past_the_owner(
    tmp_path: Path, read: ReadPage, host: str
) -> None:
    settings = PipelineSettings(allow_web_fetch=True)

    with pytest.raises(OptionsInvalidError, match="not on the public internet"):
        read(saved(tmp_path, PAGE), settings=settings, url=f"http://{host}/")


@pytest.mark.parametrize("form", [0, 1, 2])
def test_the_address_may_be_in_the_file(
    tmp_path: Path, read: ReadPage, progress: list[Progress], form: int
) -> None:
    with serving(answers({"/a?b=1&c=2": answer(PAGE.encode())})) as server:
        filename, content = shortcuts(server.url("/a?b=1&c=2"))[form]
        page = read(saved(tmp_path, content), filename, ALLOWED, fetch=True)

    assert page.summary["url"] == server.url("/a?b=1&c=2")
    assert page.summary["domain"] == "127.0.0.1"
    assert [step.message for step in progress] == ["fetching", "reading", "writing"]


def test_a_file_without_an_address_is_told_so(tmp_path: Path, read: ReadPage) -> None:
    with pytest.raises(MediaUnreadableError, match="holds no address"):
        read(saved(tmp_path, PAGE), settings=ALLOWED, fetch=True)


def test_what_the_server_says_of_the_encoding_stands_above_the_page(
    tmp_path: Path, read: ReadPage
) -> None:
    page = "<html><head><meta charset=utf-8></head><body><p>Süße</p></body></html>"
    reply = answer(page.encode("cp1252"), media_type="text/html; charset=windows-1252")
    with serving(answers({"/": reply})) as server:
        fetched = read(saved(tmp_path, "-"), settings=ALLOWED, url=server.url())

    assert "Süße" in fetched.markdown


def test_a_packed_page_is_unpacked(tmp_path: Path, read: ReadPage) -> None:
    reply = answer(gzip.compress(PAGE.encode()), Content_Encoding="gzip")
    with serving(answers({"/": reply})) as server:
        page = read(saved(tmp_path, "-"), settings=ALLOWED, url=server.url())

    assert LONG in page.markdown


def test_a_packed_bomb_is_too_large(tmp_path: Path, read: ReadPage) -> None:
    reply = answer(gzip.compress(bytes(100 * 1024**2)), Content_Encoding="gzip")
    with (
        serving(answers({"/": reply})) as server,
        pytest.raises(TooLargeError, match="unpacks to more than 64 MiB"),
    ):
        read(saved(tmp_path, "-"), settings=ALLOWED, url=server.url())


def test_nothing_that_a_page_names_is_loaded(tmp_path: Path, read: ReadPage) -> None:
    with serving(answers({})) as server:
        inside = "".join(
            part.format(server.url())
            for part in (
                '<link rel="stylesheet" href="{}">',
                '<script src="{}"></script>',
                '<img src="{}">',
                '<iframe src="{}"></iframe>',
                '<object data="{}"></object>',
                "<style>@import url({});</style>",
                '<base href="{}">',
            )
        )
        doctype = f'<!DOCTYPE html SYSTEM "{server.url("/dtd")}">'
        read(
            saved(
                tmp_path, f"{doctype}<html><head>{inside}</head><body>{inside}{PAGE}</body></html>"
            )
        )

    assert not server.requests


def test_links_that_lead_nowhere_are_no_links(tmp_path: Path, read: ReadPage) -> None:
    links = "".join(
        f'<a href="{url}">word</a> '
        for url in ("http://[", "javascript:x()", "data:,x", "#top", "good")
    )
    page = f'<base href="http://x.example/a/"><link rel=canonical href="http://[::">{links}'

    read_page = read(saved(tmp_path, f"<html><body>{page}<p>words</p></body></html>"))

    assert "url" not in read_page.summary
    assert read_page.summary["link_count"] == 2
    assert "- [word](http://x.example/a/)\n- [word](http://x.example/a/good)" in read_page.markdown
    assert "javascript" not in read_page.markdown


def test_a_page_with_a_few_broken_letters_is_read(tmp_path: Path, read: ReadPage) -> None:
    broken = PAGE.encode().replace(b"Kinds", b"Ki\xffnd\0s")

    assert "### Ki\ufffdnd" in read(saved(tmp_path, broken)).markdown


def test_thousands_of_nested_elements_do_no_harm(tmp_path: Path, read: ReadPage) -> None:
    page = "<div>" * 200_000 + WORDS + "</div>" * 200_000

    with pytest.raises(MediaUnreadableError):
        read(saved(tmp_path, page))
