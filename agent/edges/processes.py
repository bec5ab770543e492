"""Who runs on this box: names, and which processes are the agent's own."""

import os
from collections.abc import Iterable

_DEEPEST = 64
"""Ancestors that are looked through: a process that ends meanwhile must not send us in circles."""


def process_name(pid: int) -> str | None:
    """None where it is gone, or hidden from us."""
    import psutil

    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return None


def running_programs() -> frozenset[str]:
    import psutil

    names = (process.info["name"] for process in psutil.process_iter(["name"]))
    return frozenset(name for name in names if name)


class OwnProcesses:
    """Tells the agent's own processes from others: children, their guards, and their boxes."""

    def __init__(self, agent: int | None = None) -> None:
        self._agent = os.getpid() if agent is None else agent
        self._known: frozenset[int] = frozenset()

    def among(self, pids: Iterable[int]) -> frozenset[int]:
        """Those that descend from the agent, or did when they were last seen alive."""
        self._known = frozenset(pid for pid in pids if self._is_own(pid))
        return self._known

    def _is_own(self, pid: int) -> bool:
        import psutil

        try:
            for _ in range(_DEEPEST):
                if pid == self._agent:
                    return True
                if pid <= 1:
                    return False
                pid = psutil.Process(pid).ppid()
        except psutil.Error:
            return pid in self._known
        return False
