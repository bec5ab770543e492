"""Boxes with readers for tests, and something to read."""

import sys
from pathlib import Path

import pytest

from agent.pipelines.box.confinement import ALL_WALLS, Wall
from agent.pipelines.box.running import Box


@pytest.fixture(scope="session")
def probe() -> Box:
    return probe_behind(ALL_WALLS)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("in the file")
    return path


@pytest.fixture
def scratch(tmp_path: Path) -> Path:
    folder = tmp_path / "scratch"
    folder.mkdir()
    return folder


def probe_behind(walls: frozenset[Wall]) -> Box:
    command = (sys.executable, "-m", "tests.pipelines.box.boxed_probe")
    return Box(command=command, walls=walls)


def liar(script: str) -> Box:
    """A box that was taken over once its walls were up: `script` is all that it does then."""
    opening = 'import os, signal, sys, time\nprint(\'{"walls": {"landlock": 7}}\', flush=True)\n'
    return Box(command=(sys.executable, "-c", opening + script))
