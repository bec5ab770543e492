from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.pipelines.models.fake_hub import FakeHub, content_of, serving


@pytest.fixture(autouse=True)
def bare_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No caches of other programs, our own in the test's folder, and nothing of the hub's tools."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    for name in ("XDG_CACHE_HOME", "HF_HUB_OFFLINE", "HF_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    return home


@pytest.fixture
def hub() -> Iterator[FakeHub]:
    weights = bytes(range(256)) * 20_000  # 5 MB: several reads
    with serving(FakeHub(content_of(weights))) as running:
        yield running
