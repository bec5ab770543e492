"""Films that several tests look at, each made once."""

from pathlib import Path

import pytest

from tests.footage import Film, Script, shoot
from tests.pipelines.video.films import film

SHOTS = Script(seconds=24, seed=5, shortest=1.2, longest=5)


@pytest.fixture(scope="session")
def studio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("films")


@pytest.fixture(scope="session")
def usual(studio: Path) -> Path:
    """Two seconds of 160x90 with a tone."""
    return film(studio / "usual.mp4")


@pytest.fixture(scope="session")
def spoken(studio: Path, fox: Path) -> Path:
    """Somebody speaks over moving pictures."""
    pictures = "testsrc2=size=160x90:rate=25:duration=7"
    return film(studio / "spoken.mp4", "-shortest", pictures=pictures, sound=fox)


@pytest.fixture(scope="session")
def shots(studio: Path) -> Film:
    """Twenty-four seconds, cut hard."""
    return shoot(SHOTS, studio / "shots.mp4")
