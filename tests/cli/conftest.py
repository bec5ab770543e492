import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.served import Served, served


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A person without any settings."""
    for name in os.environ:
        if name.startswith(("MORAG_", "WHISPER_", "XDG_")):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    return home


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One for all tests: each makes jobs of its own."""
    with served(tmp_path_factory.mktemp("served") / "data") as running:
        yield running
