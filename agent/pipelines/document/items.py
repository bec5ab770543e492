"""Gives paragraphs of Markdown their marks as list items back, where an extraction lost them."""

from collections.abc import Iterable
from itertools import pairwise


def mark_items(markdown: str, items: Iterable[str]) -> str:
    """`markdown` with `- ` before each paragraph that is one of `items`, which come in order."""
    blocks = markdown.split("\n\n")
    at = 0
    for item in filter(None, map(_plain, items)):
        # In order, so that a paragraph with the same words further up stays one.
        found = next((i for i in range(at, len(blocks)) if _plain(blocks[i]) == item), None)
        if found is not None:
            blocks[found] = f"- {blocks[found]}"
            at = found + 1
    return _joined(blocks)


def _plain(block: str) -> str:
    """The words alone: how a block is emphasised is written in many ways."""
    return "".join(filter(str.isalnum, block))


def _joined(blocks: list[str]) -> str:
    joined = blocks[0]
    for above, block in pairwise(blocks):
        is_list = above.startswith("- ") and block.startswith("- ")
        joined += ("\n" if is_list else "\n\n") + block
    return joined
