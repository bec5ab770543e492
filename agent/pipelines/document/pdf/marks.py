"""Knows what stands before the text of a list item or of a numbered heading."""

import re

_BULLETS = r"(?:[•◦▪▫●○■□‣\u2043∙·\u2013\u2014\uf0b7\uf0a7\uf0d8\u25b8\u27a2*-]|\(cid:\d+\))"
_BULLET = re.compile(rf"{_BULLETS}\s+(?=\S)")
_NUMBER = re.compile(r"(\d{1,3})[.)]\s+(?=\S)")
_SECTION = re.compile(r"(?:\d{1,2}\.)*\d{1,2}\.?\s+[A-Z\u00c0-\u00de]")
_UNREADABLE = re.compile(r"\(cid:\d+\)")
_SYNTAX = re.compile(r"\A(?=[#>|=~`]|[-+*]\s)")


def begins_item(text: str) -> bool:
    return bool(_BULLET.match(text) or _NUMBER.match(text))


def as_item(text: str) -> str:
    """As Markdown writes it: `- text`, `3. text`."""
    return _NUMBER.sub(r"\1. ", _BULLET.sub("- ", text, count=1), count=1)


def begins_section(text: str) -> bool:
    """`2.1 Methods`."""
    return _SECTION.match(text) is not None


def plain(text: str) -> str:
    """`text` at the start of a line, without what Markdown would take for syntax there."""
    return _SYNTAX.sub(r"\\", _UNREADABLE.sub("\ufffd", text), count=1)
