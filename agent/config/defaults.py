"""Defaults that differ from box to box."""

import os
import re
import socket
from pathlib import Path


def default_agent_id() -> str:
    """The host's name, so that it stays the same from start to start."""
    return cleaned(socket.gethostname()) or "agent"


def cleaned(name: str) -> str:
    """What is left of a name when an id is made of it."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-._")[:128]


def _state_folder() -> Path:
    base = os.environ.get("XDG_STATE_HOME", "")  # noqa: TID251 (config is its reader)
    return (Path(base) if base.startswith("/") else Path.home() / ".local/state") / "morag-agent"


def default_spool() -> Path:
    return _state_folder() / "spool"


def default_serve_data() -> Path:
    return _state_folder() / "server"


DESKTOP = (
    *(
        "Xorg",
        "X",
        "Xwayland",
        "gnome-shell*",
        "gnome-remote-de*",
        "mutter*",
        "kwin*",
        "plasmashell",
    ),
    *("plasma*", "ksplash*", "krunner", "ksmserver*", "cinnamon*", "xfwm4", "xfdesktop", "marco"),
    *("budgie*", "cosmic-*", "sway*", "Hyprland", "weston", "labwc", "river", "niri", "picom"),
    *("compiz", "gdm*", "sddm*", "lightdm*", "xdg-desktop-por*", "nvidia-settings"),
    *("dwm.exe", "explorer.exe", "csrss.exe"),
)
"""What draws every desktop, and always runs. Names as the kernel keeps them, in 15 letters."""
