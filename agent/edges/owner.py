"""How long nobody has touched this box, where that can be had.

Two witnesses, and the later touch counts. The login service is told by desktops when their owner
is idle (`IdleHint`); how long that had already been so by then it does not know, so this errs to
the short side. Terminals tell by the time of their last key, which is what `w` shows.

Neither sees keys in a window of a desktop that does not tell the login service; then, and in a
container, nobody knows. A desktop whose screen never goes dark is never idle.
"""

import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from agent.edges.surroundings import Surroundings
from agent.model.ids import Seconds

ASK = ("loginctl", "show-session", "--property=IdleHint", "--property=IdleSinceHintMonotonic")
"""Without the name of a session it tells of them all together."""
_PATIENCE = 2.0
_FRESH = Seconds(10.0)
"""How long an answer is good for: each costs a process."""

_HERE = Surroundings()


def ask_logind() -> str | None:
    try:
        asked = subprocess.run(  # noqa: S603
            ASK, capture_output=True, check=True, text=True, timeout=_PATIENCE
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return asked.stdout


class Owner:
    def __init__(
        self,
        surroundings: Surroundings = _HERE,
        *,
        ask: Callable[[], str | None] = ask_logind,
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self._surroundings = surroundings
        self._ask = ask
        self._now = now
        self._wall = wall
        self._hint: str | None = None
        self._asked_at: float | None = None

    def idle(self) -> Seconds | None:
        """None where nobody can know."""
        if self._surroundings.is_container:
            return None
        hinted, typed = self._hinted(), self._typed()
        if hinted is None:
            return None if self._has_desktop() else typed
        return hinted if typed is None else min(hinted, typed)

    def _hinted(self) -> Seconds | None:
        now = self._now()
        if self._asked_at is None or now - self._asked_at >= _FRESH:
            self._hint, self._asked_at = self._ask(), now
        told = _properties(self._hint or "")
        match told.get("IdleHint"):
            case "yes":
                since = told.get("IdleSinceHintMonotonic", "")
                return Seconds(max(0.0, now - int(since) / 1e6)) if since.isdecimal() else None
            case "no":
                return Seconds(0.0)
            case _:
                return None

    def _typed(self) -> Seconds | None:
        last = max(_last_keys(self._surroundings.root / "dev"), default=None)
        return None if last is None else Seconds(max(0.0, self._wall() - last))

    def _has_desktop(self) -> bool:
        root = self._surroundings.root
        return any(root.glob("tmp/.X11-unix/X*")) or any(root.glob("run/user/*/wayland-*"))


def _properties(text: str) -> Mapping[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def _last_keys(devices: Path) -> Iterator[float]:
    for terminal in (*devices.glob("tty[0-9]*"), *devices.glob("pts/[0-9]*")):
        with suppress(OSError):
            yield terminal.stat().st_atime
