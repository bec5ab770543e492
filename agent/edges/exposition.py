"""What `/metrics` tells: read off the books when somebody asks."""

from __future__ import annotations  # the types of prometheus_client, without importing it

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from agent import __version__
from agent.edges.books import Books
from agent.model.ids import JsonValue

if TYPE_CHECKING:
    from prometheus_client.core import Metric

Values: TypeAlias = Iterable[tuple[tuple[str, ...], float]]
"""Each with its labels."""
PREFIX = "morag_agent_"
PERCENT = 100.0
_OF_GPU: tuple[tuple[str, str, str, float], ...] = (
    ("memory_used_bytes", "gpu_memory_used_bytes", "Memory in use on the card.", 1.0),
    ("memory_total_bytes", "gpu_memory_bytes", "Memory of the card.", 1.0),
    ("utilisation_percent", "gpu_utilisation_ratio", "Share of time it computed.", PERCENT),
    ("temperature_c", "gpu_temperature_celsius", "Temperature of the card.", 1.0),
    ("power_w", "gpu_power_watts", "What the card draws.", 1.0),
)
"""A GPU's reading, its metric, and by what it is divided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """Where the numbers come from. Each is called from the watch port's own thread."""

    books: Books
    slots: int
    deaths: Callable[[], int]
    """Children that died by themselves."""
    spool_free: Callable[[], int]
    gpus: Callable[[], list[JsonValue]]
    """One reading for each card: what health says of it."""
    restraints: Callable[[], Mapping[str, int]]
    """Which rung each source asks for."""
    trouble: Callable[[], str | None]


def exposition(sources: Sources) -> bytes:
    """All of it, in the text format of Prometheus."""
    from prometheus_client import CollectorRegistry, ProcessCollector, generate_latest
    from prometheus_client.registry import Collector

    class Agent(Collector):
        def collect(self) -> Iterable[Metric]:
            yield from _metrics(sources)

    registry = CollectorRegistry()
    registry.register(Agent())
    ProcessCollector(registry=registry)
    return generate_latest(registry)


def _metrics(sources: Sources) -> Iterator[Metric]:
    books = sources.books
    yield _gauge("build_info", "The agent.", ("version",), {(__version__,): 1}.items())
    yield _single("alive", "1 while the loop makes progress.", sources.trouble() is None)
    yield from _work(books)
    yield from _server(books)
    yield _single("slots", "Jobs computed at once.", sources.slots)
    restraints = (((source,), rung) for source, rung in sources.restraints().items())
    yield _gauge("restraint", "How far each source has us step back.", ("source",), restraints)
    deaths = {(): sources.deaths()}
    yield _counter("child_deaths", "Children that died by themselves.", (), deaths.items())
    yield _single("spool_free_bytes", "Room on the spool's file system.", sources.spool_free())
    yield _single("loop_lag_seconds", "Worst delay of the event loop lately.", books.lag)
    yield from _gpus(sources.gpus())


def _work(books: Books) -> Iterator[Metric]:
    labels = ("content_type", "outcome")
    yield _counter("jobs", "Jobs by how they ended.", labels, books.ended.copy().items())
    held = (((stage.value,), count) for stage, count in books.stages.items())
    yield _gauge("held_jobs", "Jobs held now; uploading is the outbox.", ("stage",), held)
    seconds = _labelled(books.seconds)
    yield _counter("job_seconds", "Time of jobs in each stage.", ("stage",), seconds)
    gpu = _labelled(books.meter.seconds)
    yield _counter("gpu_seconds", "Time that jobs had each GPU.", ("gpu",), gpu)
    joules = _labelled(books.meter.joules)
    yield _counter("gpu_energy_joules", "Drawn by each GPU meanwhile.", ("gpu",), joules)
    moved = {("in",): books.traffic.received, ("out",): books.traffic.sent}.items()
    yield _counter("moved_bytes", "Inputs in, results out, repeats too.", ("direction",), moved)


def _server(books: Books) -> Iterator[Metric]:
    labels = ("call", "outcome")
    calls = books.calls.copy().items()
    yield _counter("calls", "Calls to the server and how they went.", labels, calls)
    if books.is_reachable is not None:
        yield _single(
            "server_reachable", "1 if the last call got a usable answer.", books.is_reachable
        )


def _gpus(readings: list[JsonValue]) -> Iterator[Metric]:
    for key, name, told, unit in _OF_GPU:
        values = {
            (str(reading["index"]),): value / unit
            for reading in readings
            if isinstance(reading, dict) and isinstance(value := reading.get(key), int | float)
        }
        if values:
            yield _gauge(name, told, ("index",), values.items())


def _labelled(values: dict[str, float]) -> Values:
    return {(label,): value for label, value in values.copy().items()}.items()


def _single(name: str, told: str, value: float) -> Metric:
    return _gauge(name, told, (), [((), value)])


def _gauge(name: str, told: str, labels: tuple[str, ...], values: Values) -> Metric:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(PREFIX + name, told, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family


def _counter(name: str, told: str, labels: tuple[str, ...], values: Values) -> Metric:
    from prometheus_client.core import CounterMetricFamily

    family = CounterMetricFamily(PREFIX + name, told, labels=labels)
    for of, value in values:
        family.add_metric(of, value)
    return family
