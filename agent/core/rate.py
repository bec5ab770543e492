"""How fast a transfer moves now: bytes a second over the last few seconds."""

from collections import deque

from agent.model.ids import Instant, Seconds

WINDOW = Seconds(10.0)
SPACING = Seconds(0.5)
"""Between two points that are remembered; chunks come far more often."""


class Rate:
    """Told how many bytes there are in all; what is fewer than before begins anew."""

    def __init__(self) -> None:
        self._points: deque[tuple[Instant, int]] = deque()

    def on_bytes(self, total: int, now: Instant) -> None:
        points = self._points
        if points and total < points[-1][1]:
            points.clear()
        if not points or now - points[-1][0] >= SPACING:
            points.append((now, total))
        # The last point before the window stays: the window begins at it.
        while len(points) > 1 and now - points[1][0] >= WINDOW:
            points.popleft()

    def rate(self, total: int, now: Instant) -> float | None:
        """Of what has come until `now`; None before there is anything to compare with."""
        self.on_bytes(total, now)
        since, before = self._points[0]
        return (total - before) / (now - since) if now > since else None
