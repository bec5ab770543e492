"""What a new look at the settings brought."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Reread:
    applied: tuple[str, ...] = ()
    """The settings that changed and are in force now."""
    need_restart: tuple[str, ...] = ()
    """Those that differ from what this start runs with."""
    problem: str | None = None
    """Why the new ones cannot be used."""
