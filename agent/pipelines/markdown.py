"""The few shapes of Markdown that MoRAG reads: a title, bullets of facts, and a body below them."""

import re
from collections.abc import Iterator, Mapping

_BLANKS = re.compile(r"[\s\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e]+")
_HEADING = re.compile(r"^ {0,3}#{1,5}(?=[ \t]|$)")
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_UNDERLINE = re.compile(r" {0,3}(=+|-{2,})[ \t]*")
_NO_HEADING = re.compile(r"\s*$| {4}|\s*([#>|*+-]|\d+[.)] )")
_FRONT_MATTER = "---"


def one_line(text: str) -> str:
    """`text` without newlines, control characters and marks that reorder what a person sees."""
    return _BLANKS.sub(" ", text).strip()


def head(title: str, section: str, facts: Mapping[str, str]) -> str:
    """`# title`, `## section` and one bullet per fact: what MoRAG reads as metadata."""
    bullets = "\n".join(f"- **{name}**: {one_line(value)}" for name, value in facts.items())
    return f"# {one_line(title)}\n\n## {section}\n\n{bullets}\n"


def deepen_headings(markdown: str) -> str:
    """Every heading one level lower, so that the document's own title stays the only one.

    Leaves code blocks and front matter alone. Underlined headings become `#` ones.
    """
    return "\n".join(_deepened(markdown.split("\n")))


def _deepened(lines: list[str]) -> Iterator[str]:
    fence = ""
    start = _front_matter_end(lines)
    yield from lines[:start]
    skip = False
    for line, below in zip(lines[start:], [*lines[start + 1 :], ""], strict=True):
        if skip:
            skip = False
            continue
        fence = _fence_after(line, fence)
        underline = None if fence or _NO_HEADING.match(line) else _UNDERLINE.fullmatch(below)
        if underline:
            skip = True
            yield ("## " if underline[1].startswith("=") else "### ") + line.strip()
        else:
            yield line if fence else _HEADING.sub(lambda found: f"{found[0]}#", line, count=1)


def _fence_after(line: str, fence: str) -> str:
    """The fence that is open after `line`, if any: what closes it is as long, and of its kind."""
    found = _FENCE.match(line)
    if not found:
        return fence
    if not fence:
        return found[1]
    closes = found[1].startswith(fence) and line.strip() == found[1]
    return "" if closes else fence


def _front_matter_end(lines: list[str]) -> int:
    if lines[0].rstrip() != _FRONT_MATTER:
        return 0
    ends = (
        number for number, line in enumerate(lines) if number and line.rstrip() == _FRONT_MATTER
    )
    return next(ends, -1) + 1
