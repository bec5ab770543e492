"""Reads the bearer tokens: files of their own, checked, and never printed."""

import stat
from pathlib import Path

from pydantic import SecretStr

from agent.config.settings import Settings
from agent.model.errors import ConfigError

MAX_TOKEN = 4096
"""Characters; whatever is longer is some other file."""


def agent_token(settings: Settings) -> SecretStr:
    """What this agent says to its server. Raises `ConfigError` when there is none."""
    if settings.token_file is not None:
        return read_token(settings.token_file)
    if settings.token is not None:
        return settings.token
    raise ConfigError(
        "there is no token: make one at the server (python -m agent token create"
        f" --agent {settings.agent_id} --out FILE) and give it with --token-file FILE"
    )


def agent_token_if_any(settings: Settings) -> SecretStr | None:
    """None where none is named, and the server may be one that asks for none."""
    if settings.server_dialect == "morag" and _is_empty(settings.token_file):
        return None  # Container images have such a file, to put the real one over it.
    is_named = settings.token_file is not None or settings.token is not None
    return agent_token(settings) if is_named or settings.server_dialect == "native" else None


def _is_empty(path: Path | None) -> bool:
    try:
        return path is not None and path.stat().st_size == 0
    except OSError:
        return False


def client_token(settings: Settings) -> SecretStr:
    """What the people's verbs say; without a token of their own they try the agent's."""
    if settings.client_token_file is not None:
        return read_token(settings.client_token_file)
    if settings.token_file is not None or settings.token is not None:
        return agent_token(settings)
    raise ConfigError(
        "there is no token: make one at the server (python -m agent token create"
        " --client --out FILE) and give it with --token-file FILE"
    )


def read_token(path: Path) -> SecretStr:
    return read_secret(path, "token")


def read_secret(path: Path, what: str) -> SecretStr:
    """The one line of a file that holds nothing else."""
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError as error:
        raise ConfigError(f"there is no {what} file {path}") from error
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the {what} file {path}: {error}") from error
    if not text:
        raise ConfigError(f"the {what} file {path} is empty")
    if not is_token(text):
        raise ConfigError(f"the {what} file {path} holds more than one {what} on one line")
    return SecretStr(text)


def is_token(text: str) -> bool:
    return len(text) <= MAX_TOKEN and text.isascii() and len(text.split()) == 1


def exposure(path: Path) -> str | None:
    """A sentence when others on this box can read the token."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return None
    if not stat.S_ISREG(mode) or not mode & 0o077:
        return None
    return f"others on this machine can read {path}: run chmod 600 {path}"
