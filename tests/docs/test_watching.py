"""The page about watching tells every metric, and no other."""

import re
from pathlib import Path

from agent.edges.books import Books
from agent.edges.exposition import Sources, exposition
from agent.edges.job_traffic import JobTraffic
from agent.edges.ledger import DiskLedger
from agent.edges.meter import Meter
from agent.model.ids import Seconds

PAGE = Path(__file__).parents[2] / "docs" / "watching.md"


def told(tmp_path: Path) -> set[str]:
    """The names of all metrics on a box where everything is known."""
    books = Books(DiskLedger(tmp_path / "ledger", keep=Seconds(1.0)), JobTraffic(), Meter())
    books.call_ended("poll", "nothing")
    gpu = dict.fromkeys(
        (
            *("index", "memory_used_bytes", "memory_total_bytes"),
            *("utilisation_percent", "temperature_c", "power_w"),
        ),
        1,
    )
    sources = Sources(
        books=books,
        slots=1,
        deaths=int,
        spool_free=int,
        gpus=lambda: [{**gpu}],
        restraints=dict,
        trouble=lambda: None,
    )
    return set(re.findall(r"# TYPE (morag_agent_\w+)", exposition(sources).decode()))


def test_the_page_tells_every_metric(tmp_path: Path) -> None:
    rows = re.findall(r"^\| `(morag_agent_\w+)` \|", PAGE.read_text(), re.MULTILINE)

    assert rows == sorted(rows)
    assert set(rows) == told(tmp_path)
