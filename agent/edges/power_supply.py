"""Does this box run on its battery, read where the kernel tells it.

Not by `psutil`: it takes the battery of a wireless mouse for that of the box.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_ROOT = Path("/")


@dataclass(frozen=True, slots=True)
class Battery:
    is_in_use: bool
    percent: int | None


def battery(root: Path = _ROOT) -> Battery | None:
    """None where the box has none, or hides it."""
    supplies = tuple(_supplies(root / "sys/class/power_supply"))
    batteries = [one for one in supplies if _says(one, "type") == "Battery" and not _is_part(one)]
    if not batteries:
        return None
    # A full battery on mains is neither charged nor drained; a dock may count as USB.
    has_mains = any(_says(one, "online") == "1" for one in supplies if one not in batteries)
    is_drained = any(_says(one, "status") == "Discharging" for one in batteries)
    levels = [int(level) for one in batteries if (level := _says(one, "capacity")).isdecimal()]
    return Battery(
        is_in_use=is_drained and not has_mains,
        percent=sum(levels) // len(levels) if levels else None,
    )


def _is_part(supply: Path) -> bool:
    """Of a mouse, a headset or a phone."""
    return _says(supply, "scope") == "Device"


def _supplies(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        yield from sorted(folder.iterdir())


def _says(supply: Path, name: str) -> str:
    try:
        return (supply / name).read_text().strip()
    except OSError:
        return ""
