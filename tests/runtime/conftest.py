from collections.abc import Iterator, MutableMapping
from typing import Any, TypeAlias

import pytest
from structlog.contextvars import merge_contextvars
from structlog.testing import capture_logs

from tests.fakes.server import FakeServer
from tests.runtime.world import World
from tests.virtual_time import LoopClock

Lines: TypeAlias = list[MutableMapping[str, Any]]


@pytest.fixture(autouse=True)
def lines() -> Iterator[Lines]:
    """Every log line of the test, with its context."""
    with capture_logs(processors=[merge_contextvars]) as captured:
        yield captured


@pytest.fixture
def world(clock: LoopClock) -> World:
    return World(clock, FakeServer(clock))
