"""Finds the address in a file that holds nothing else: a bookmark, or a line of text."""

import re
from html import unescape
from pathlib import Path

from agent.pipelines.errors import MediaUnreadableError

_MOST = 64 * 1024
_SHORTCUT = re.compile(r"^URL=(\S+)\s*$", re.MULTILINE | re.IGNORECASE)
_WEBLOC = re.compile(r"<string>\s*(https?://[^<\s]+)\s*</string>", re.IGNORECASE)
_BARE = re.compile(r"\s*(https?://\S+)\s*", re.IGNORECASE)


def url_in(file: Path) -> str:
    """Of Windows' `.url`, of macOS's `.webloc`, or of a text that is a URL."""
    with file.open("rb") as opened:
        text = opened.read(_MOST).decode("utf-8-sig", "replace")
    shortcut, webloc = _SHORTCUT.search(text), _WEBLOC.search(text)
    if shortcut:
        return shortcut[1]
    if webloc:
        return unescape(webloc[1])
    bare = _BARE.fullmatch(text)
    if bare is None:
        raise MediaUnreadableError(
            "option 'fetch' is true, but the file holds no address; send a .url file, a .webloc"
            " file, or a text with one URL."
        )
    return bare[1]
