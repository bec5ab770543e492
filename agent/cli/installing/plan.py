"""What is to be installed, and what that comes to: files, the commands that follow, and remarks."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

NAME = "morag-agent"
HEALTH = ("python3", "-m", "agent", "status")
"""The health check; the image has the same."""
KEPT_ON_EXIT = (65, 76, 78)
"""Exit codes after which another start would only fail again."""
STOP_MARGIN = 12
"""Seconds to hand back and sign off, beyond those that the agent takes to finish."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One agent as it is to run from now on; never its token, only where that lies."""

    python: Path
    config: Path | None
    """The file with the settings; the environment has only what does not stand there."""
    token_file: Path | None
    """None: the server asks for none."""
    spool: Path
    models: Path | None
    log_file: Path | None
    environment: Mapping[str, str]
    """What was given by flags and variables."""
    whole_environment: Mapping[str, str]
    """All that is not a default: for a container, which does not see the file."""
    stop_grace_s: int
    is_user: bool
    """A person's own, not the machine's."""
    has_gpu: bool
    is_on_this_machine: bool
    """The server is: a container has to share the machine's network to reach it."""
    image: str

    @property
    def stop_timeout_s(self) -> int:
        return self.stop_grace_s + STOP_MARGIN


@dataclass(frozen=True, slots=True)
class Sheet:
    """A file to be written."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    folder: Path
    sheets: tuple[Sheet, ...]
    commands: tuple[str, ...]
    """What a person types next."""
    remarks: tuple[str, ...] = ()
