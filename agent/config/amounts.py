"""How people write amounts of traffic: limits by the second, quotas by the period."""

import re
from collections.abc import Mapping
from typing import Annotated, TypeAlias

from pydantic import AfterValidator, BeforeValidator

from agent.config.values import Right, WrongValueError, size_in_bytes
from agent.core.quota import Quota
from agent.model.ids import Bytes

SLOWEST = 1024
"""Bytes a second; what comes slower than this is taken for stalled."""
BITS: Mapping[str, int] = {"bit": 1, "kbit": 10**3, "mbit": 10**6, "gbit": 10**9}
_RATE = re.compile(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)\s*(?:/\s*s|ps)", re.IGNORECASE)
_PART = re.compile(r"(.*?)\s*(down|up)?", re.IGNORECASE)


def bytes_a_second(value: object) -> object:
    """`"2 MB/s"` and `"16 Mbit/s"` are the same number; an empty text is no limit."""
    if not isinstance(value, str):
        return value
    if not value.strip():
        return None
    if value.strip().isdigit():
        raise WrongValueError(f'"{value}" does not say bits or bytes')
    rate = _rate(value.strip())
    if rate < SLOWEST:
        raise WrongValueError(f'"{value}" is under 1 KiB/s, and what is so slow counts as stalled')
    return rate


def quota_of(text: str) -> Quota:
    """`20 GB`, or `15 GB down, 5 GB up`, or all three. Raises `WrongValueError`."""
    found: dict[str, Bytes] = {}
    for part in filter(str.strip, text.split(",")):
        parts = _PART.fullmatch(part.strip())
        size = size_in_bytes(parts[1]) if parts else None
        if parts is None or not isinstance(size, int) or size <= 0:
            raise WrongValueError(f'"{part.strip()}" is no size')
        way = (parts[2] or "both").lower()
        if way in found:
            raise WrongValueError(f'"{part.strip()}" says it twice')
        found[way] = Bytes(size)
    return Quota(both=found.get("both"), down=found.get("down"), up=found.get("up"))


def _rate(text: str) -> int:
    parts = _RATE.fullmatch(text)
    if parts is None:
        raise WrongValueError(f'"{text}" is no rate')
    number, unit = parts.groups()
    if unit.lower() in BITS:
        return int(float(number) * BITS[unit.lower()] / 8)
    size = size_in_bytes(f"{number}{unit}")
    if not isinstance(size, int):
        raise WrongValueError(f'"{unit}" is neither bits (Mbit/s) nor bytes (MB/s)')
    return size


def _sound(text: str) -> str:
    quota_of(text)
    return text.strip()


Rate: TypeAlias = Annotated[
    int | None,
    BeforeValidator(bytes_a_second),
    Right('a rate such as "2 MB/s" (bytes) or "16 Mbit/s" (bits), at least 1 KiB/s'),
]
QuotaText: TypeAlias = Annotated[
    str,
    AfterValidator(_sound),
    Right('a size such as "20 GB", each way "15 GB down, 5 GB up", or empty for no limit'),
]
