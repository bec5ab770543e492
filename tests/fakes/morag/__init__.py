"""A stand-in for MoRAG's server: its remote conversion API with all its weaknesses, and weather.

It runs within a test, on virtual time too (`InProcess`), on a port of loopback (`online`), and as a
process of its own (`python -m tests.fakes.morag --folder DIR`). What it does with a job stands in
its books: see `Books.lost` and `Books.ingested_twice`.
"""

from tests.fakes.morag.app import StandIn
from tests.fakes.morag.books import Books
from tests.fakes.morag.in_process import InProcess
from tests.fakes.morag.jobs import Job, Jobs
from tests.fakes.morag.manners import Manners
from tests.fakes.morag.online import online
from tests.fakes.morag.weather import (
    AnswerLost,
    Call,
    Cut,
    FailedAfter,
    Garbage,
    GaveUp,
    HungUp,
    Restart,
    Rule,
    Slow,
    TurnedAway,
    Weather,
)

__all__ = [
    "AnswerLost",
    "Books",
    "Call",
    "Cut",
    "FailedAfter",
    "Garbage",
    "GaveUp",
    "HungUp",
    "InProcess",
    "Job",
    "Jobs",
    "Manners",
    "Restart",
    "Rule",
    "Slow",
    "StandIn",
    "TurnedAway",
    "Weather",
    "online",
]
