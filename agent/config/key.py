"""How people meet one setting: its place in the file, its names, and its reason."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """How people meet one setting."""

    at: str
    """Section and key in the file."""
    why: str
    older: str | None = None
    """Its name after `MORAG_REMOTE_`, where the seed of this agent had it."""
    older_unit: str = ""
    """Appended to the value of the older name."""
    flag: str | None = None
    """Where the flag is not simply the name."""
    variable: str | None = None
    """Its name after `MORAG_AGENT_`, where that is not the flag's."""
    shown: str | None = None
    """Stands in the example file for a default that differs from box to box."""
    live: bool = False
    """A change of it in the file takes effect while the agent runs."""
    is_secret: bool = False
    """Read from the environment only: never from a file of settings, never from a flag."""
