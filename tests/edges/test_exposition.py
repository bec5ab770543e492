"""`/metrics` as Prometheus' own parser reads it."""

import re
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families

from agent.edges.books import Books
from agent.edges.exposition import Sources, exposition
from agent.edges.job_traffic import JobTraffic
from agent.edges.ledger import DiskLedger
from agent.edges.meter import Meter
from agent.model.ids import JobId, JsonValue, Seconds
from agent.model.lease import Stage

J1 = JobId("j1")


@dataclass
class Scraped:
    books: Books
    gpus: list[JsonValue] = field(default_factory=list["JsonValue"])
    restraints: dict[str, int] = field(default_factory=dict[str, int])
    trouble: str | None = None

    def families(self) -> dict[str, Metric]:
        sources = Sources(
            books=self.books,
            slots=2,
            deaths=lambda: 3,
            spool_free=lambda: 10**12,
            gpus=lambda: self.gpus,
            restraints=lambda: self.restraints,
            trouble=lambda: self.trouble,
        )
        text = exposition(sources).decode()
        return {family.name: family for family in text_string_to_metric_families(text)}

    def values(self, name: str) -> dict[tuple[str, ...], float]:
        samples = self.families()[name].samples
        return {tuple(sample.labels.values()): sample.value for sample in samples}


@pytest.fixture
def scraped(tmp_path: Path) -> Scraped:
    ledger = DiskLedger(tmp_path / "ledger", keep=Seconds(1e9))
    return Scraped(Books(ledger, JobTraffic(lambda: J1), Meter()))


def test_every_metric_is_ours_with_a_type_and_a_word_of_help(scraped: Scraped) -> None:
    for name, family in scraped.families().items():
        assert re.fullmatch(r"(morag_agent|process)_[a-z_]+", name)
        assert family.type in {"gauge", "counter"}
        assert family.documentation.endswith(".")


def test_jobs_bytes_and_calls_are_counted(scraped: Scraped) -> None:
    books = scraped.books
    books.job_taken(J1, "audio", Stage.DOWNLOADING)
    books.traffic.on_received(5)
    books.traffic.on_sent(6)
    books.call_ended("poll", "nothing")
    books.call_ended("poll", "nothing")
    books.job_ended(J1, "completed")
    books.job_taken(JobId("j2"), "text", Stage.UPLOADING)

    assert scraped.values("morag_agent_jobs") == {("audio", "completed"): 1.0}
    assert scraped.values("morag_agent_held_jobs")[("uploading",)] == 1.0
    assert scraped.values("morag_agent_moved_bytes") == {("in",): 5.0, ("out",): 6.0}
    assert scraped.values("morag_agent_calls") == {("poll", "nothing"): 2.0}
    assert scraped.values("morag_agent_server_reachable") == {(): 1.0}


def test_nobody_says_whether_a_server_is_there_before_it_was_asked(scraped: Scraped) -> None:
    assert "morag_agent_server_reachable" not in scraped.families()


def test_the_box_is_told(scraped: Scraped) -> None:
    scraped.restraints = {"guest": 2, "hours": 1}

    assert scraped.values("morag_agent_slots") == {(): 2.0}
    assert scraped.values("morag_agent_child_deaths") == {(): 3.0}
    assert scraped.values("morag_agent_spool_free_bytes") == {(): 1e12}
    assert scraped.values("morag_agent_restraint") == {("guest",): 2.0, ("hours",): 1.0}


def test_trouble_shows(scraped: Scraped) -> None:
    assert scraped.values("morag_agent_alive") == {(): 1.0}

    scraped.trouble = "the event loop stands still"

    assert scraped.values("morag_agent_alive") == {(): 0.0}


def test_each_gpu_tells_what_it_can(scraped: Scraped) -> None:
    scraped.gpus = [
        {"index": 0, "utilisation_percent": 42, "temperature_c": 61},
        {"index": 2, "memory_used_bytes": 7},
    ]

    assert scraped.values("morag_agent_gpu_utilisation_ratio") == {("0",): 0.42}
    assert scraped.values("morag_agent_gpu_memory_used_bytes") == {("2",): 7.0}
    assert "morag_agent_gpu_power_watts" not in scraped.families()


def test_what_a_label_holds_cannot_break_the_format(scraped: Scraped) -> None:
    scraped.restraints = {'a "quote", a \\ and a\nline': 1}

    assert scraped.values("morag_agent_restraint") == {('a "quote", a \\ and a\nline',): 1.0}
