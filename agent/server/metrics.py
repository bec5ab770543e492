"""Prometheus metrics: counted where things happen, gauges read when asked. Own registry."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from agent.server.clock import Clock
from agent.wire.jobs import JobState

BUCKETS = (0.001, 0.005, 0.02, 0.1, 0.5, 2.0, 10.0, 30.0, 60.0)
UNROUTED = "unrouted"
"""One label for every path that is none of ours: strangers must not make series."""


class Metrics:
    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._jobs = Gauge("morag_jobs", "Jobs by state.", ["state"], registry=registry)
        self._online = Gauge("morag_agents_online", "Agents heard lately.", registry=registry)
        self._parked = Gauge("morag_polls_parked", "Polls that wait.", registry=registry)
        self.offers = Counter("morag_offers", "Offers handed to a poll.", registry=registry)
        self.lapsed = Counter("morag_offers_lapsed", "Offers that ran out.", registry=registry)
        self.expired = Counter("morag_leases_expired", "Leases that ran out.", registry=registry)
        self.bytes_in = Counter("morag_received_bytes", "Uploaded bytes.", registry=registry)
        self.bytes_out = Counter("morag_sent_bytes", "Downloaded bytes.", registry=registry)
        self._requests = Histogram(
            "morag_request_seconds",
            "Time to the answer's end; parked polls included.",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=registry,
        )

    def note_request(self, method: str, route: str, status: int, seconds: float) -> None:
        self._requests.labels(method, route, str(status)).observe(seconds)

    def render(self, jobs: dict[JobState, int], online: int, parked: int) -> bytes:
        for state, count in jobs.items():
            self._jobs.labels(state).set(count)
        self._online.set(online)
        self._parked.set(parked)
        return generate_latest(self.registry)


class Measured:
    """ASGI middleware: how long each route took, and how it ended."""

    def __init__(self, app: ASGIApp, metrics: Metrics, clock: Clock) -> None:
        self._app = app
        self._metrics = metrics
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = self._clock.now()
        status = 499  # nginx's word for a client that left before the answer

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            route = getattr(scope.get("route"), "path", UNROUTED)
            seconds = max(0.0, self._clock.now() - began)
            self._metrics.note_request(scope["method"], route, status, seconds)
