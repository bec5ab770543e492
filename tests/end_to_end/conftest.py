"""One house for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.end_to_end.house import House, house_in


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    with house_in(tmp_path) as house:
        yield house
