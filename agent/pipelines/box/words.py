"""What a line from a box says, where it says anything."""

import json
import math
from typing import NoReturn

from agent.model.ids import JsonObject

_HALF_CHARACTER = (b"\\ud", b"\\uD")


def words_in(line: bytes | bytearray) -> JsonObject:
    """The object in one line; empty for anything else, however it is made.

    Its numbers are finite and its strings can be encoded.
    """
    try:
        words = json.loads(line, parse_constant=_no_number, parse_float=_finite)
        if any(sign in line for sign in _HALF_CHARACTER):
            json.dumps(words, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        return {}
    return words if isinstance(words, dict) else {}


def printable(text: object, limit: int) -> str:
    """On one line, and without what a terminal would obey."""
    kept = (char if char.isprintable() else " " for char in str(text)[:limit])
    return "".join(kept).strip()


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        _no_number(text)
    return value
