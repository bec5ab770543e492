"""Wakes event streams when their job has changed."""

import asyncio
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from agent.model.ids import JobId


class Streams:
    def __init__(self) -> None:
        self._listeners: dict[JobId, set[asyncio.Event]] = {}
        self.is_closed = False

    @contextmanager
    def listen(self, job_id: JobId) -> Iterator[asyncio.Event]:
        """An event that is set at every change; the listener clears it before it looks."""
        event = asyncio.Event()
        self._listeners.setdefault(job_id, set()).add(event)
        try:
            yield event
        finally:
            self._listeners[job_id].discard(event)
            if not self._listeners[job_id]:
                del self._listeners[job_id]

    def tell(self, job_ids: Iterable[JobId]) -> None:
        for job_id in job_ids:
            for event in self._listeners.get(job_id, ()):
                event.set()

    def close(self) -> None:
        """Every stream ends now: the server is stopping."""
        self.is_closed = True
        self.tell(tuple(self._listeners))
