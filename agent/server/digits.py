"""Numbers in what strangers write: headers, cursors."""

import re

_NUMBER = re.compile(r"[0-9]{1,19}")
LARGEST = 2**63 - 1
"""What SQLite and file systems count to."""


def number_in(text: str) -> int | None:
    """A decimal number as protocols write it; `int()` takes signs, spaces and underscores, too.

    It also raises `ValueError` for thousands of digits, which `isdecimal()` lets through.
    """
    number = int(text) if _NUMBER.fullmatch(text) else LARGEST + 1
    return number if number <= LARGEST else None
