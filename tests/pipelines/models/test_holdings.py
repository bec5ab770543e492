import json
import logging
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from agent.pipelines.models.holdings import Holding, Noticeboard, holdings


def test_what_a_child_holds_is_shown_until_it_ends(tmp_path: Path) -> None:
    with Noticeboard(tmp_path) as board:
        board.show(("base (faster-whisper, cpu, int8)",))

        (mine,) = holdings(tmp_path)
        assert (mine.pid, mine.held) == (os.getpid(), ("base (faster-whisper, cpu, int8)",))

        board.show(())
        assert holdings(tmp_path)[0].held == ()

    assert list(tmp_path.glob("*.json")) == []


def test_a_child_that_never_held_anything_has_no_file(tmp_path: Path) -> None:
    with Noticeboard(tmp_path / "children") as board:
        board.show(())

        assert not (tmp_path / "children").exists()


def a_holding(folder: Path) -> Holding:
    with Noticeboard(folder) as board:
        board.show(("a model",))
        (mine,) = holdings(folder)
        return mine


def put(folder: Path, holding: Holding) -> Path:
    file = folder / f"{holding.host}-{holding.pid}.json"
    file.write_text(json.dumps(asdict(holding)))
    return file


def test_what_a_killed_child_left_is_ignored_and_removed_by_the_next_one(tmp_path: Path) -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    file = put(tmp_path, replace(a_holding(tmp_path), pid=ended.pid))

    assert holdings(tmp_path) == ()
    with Noticeboard(tmp_path):
        assert not file.exists()


def test_another_process_with_the_same_number_is_not_taken_for_the_child(tmp_path: Path) -> None:
    mine = a_holding(tmp_path)
    put(tmp_path, replace(mine, started=mine.started - 60))

    assert holdings(tmp_path) == ()


def test_children_of_other_machines_that_share_the_folder_are_left_alone(tmp_path: Path) -> None:
    file = put(tmp_path, replace(a_holding(tmp_path), host="attic", pid=1))

    with Noticeboard(tmp_path):
        assert file.exists()
        assert holdings(tmp_path) == ()


def test_what_is_no_holding_is_skipped(tmp_path: Path) -> None:
    (tmp_path / "x-1.json").write_text("[]")
    (tmp_path / "x-2.json").write_text("{")

    assert holdings(tmp_path) == ()


def test_a_folder_that_cannot_be_written_stops_nobody() -> None:
    with Noticeboard(Path("/proc/nowhere")) as board:
        board.show(("a model",))


def test_warnings_of_the_pipelines_are_shown_and_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Noticeboard(tmp_path) as board:
        logging.getLogger("agent.pipelines.audio").warning("fell back to %s", "the processor")
        board.show(("a model",))

        assert holdings(tmp_path)[0].warnings == ("fell back to the processor",)

    assert capsys.readouterr().err.splitlines()[0] == "fell back to the processor"
