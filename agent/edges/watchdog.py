"""A thread beside the event loop that ends a process whose loop stands still.

systemd would do it too, where it is asked to; podman and a loop in a shell do not. What this thread
cannot see is a library that stands still without letting any other thread run: then only systemd's
own watchdog is left, which hears nothing any more.
"""

import faulthandler
import sys
import threading
import time
from collections.abc import Callable

import structlog

from agent.model.ids import Instant, Seconds

TELLING = Seconds(5.0)
"""What the log may take to tell why: it may be the very thing that hangs."""

_log = structlog.get_logger(__name__)


class Watchdog:
    def __init__(
        self,
        look: Callable[[Instant], str | None],
        *,
        every: Seconds,
        end: Callable[[], None],
        on_alive: Callable[[], None] = lambda: None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """`look` gives the trouble at that moment; `end` ends the process, whatever it is doing.

        It looks from now on.
        """
        self._look = look
        self._every = every
        self._end = end
        self._on_alive = on_alive
        self._tell = tell or _tell
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stop.set()
        self._thread.join(TELLING)

    def _watch(self) -> None:
        while not self._stop.wait(self._every):
            trouble = self._look(Instant(time.monotonic()))
            if trouble is not None:
                self._give_up(trouble)
                return
            self._on_alive()

    def _give_up(self, trouble: str) -> None:
        telling = threading.Thread(target=self._tell, args=(trouble,), daemon=True)
        telling.start()
        telling.join(TELLING)
        self._end()


def _tell(trouble: str) -> None:
    _log.error("agent.wedged", reason=trouble)
    faulthandler.dump_traceback(sys.stderr, all_threads=True)
