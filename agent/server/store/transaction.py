"""What an operation works with: the database, the moment, and what it leaves for the loop."""

import re
import secrets
import sqlite3
from dataclasses import dataclass, field

from agent.model.ids import JobId, LeaseId
from agent.server.queue.values import Moment, Numbers

JOB_ID = re.compile(r"[0-9a-f]{24}")
"""What `new_job_id` makes."""


@dataclass(slots=True)
class Transaction:
    db: sqlite3.Connection
    now: Moment
    numbers: Numbers
    changed: set[JobId] = field(default_factory=set)
    """Jobs whose event streams have something to tell."""
    has_work: bool = False
    """A job may have become available to somebody."""
    has_result: bool = False
    """Somebody waits for the result of a job that is complete now."""


def new_lease_id() -> LeaseId:
    return LeaseId(secrets.token_urlsafe(24))


def new_job_id() -> JobId:
    return JobId(secrets.token_hex(12))
