import os
import time
from pathlib import Path

from agent.edges.spool import DiskSpool
from agent.edges.spool_sight import look


def test_a_spool_that_is_not_there_is_told(tmp_path: Path) -> None:
    assert not look(tmp_path / "none").is_there


def test_an_agent_at_work_is_seen_and_not_disturbed(tmp_path: Path) -> None:
    spool = DiskSpool(tmp_path / "spool")

    at_work = look(tmp_path / "spool")
    spool.close()
    after = look(tmp_path / "spool")
    DiskSpool(tmp_path / "spool").close()

    assert (at_work.is_in_use, after.is_in_use) == (True, False)


def test_what_lies_there_is_counted_weighed_and_dated(tmp_path: Path) -> None:
    job = tmp_path / "held" / "job"
    job.mkdir(parents=True)
    (job / "input").write_bytes(b"x" * 100_000)
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").write_bytes(b"x" * 10)
    hour_ago = time.time() - 3600
    os.utime(job, (hour_ago, hour_ago))

    piles = look(tmp_path).piles

    assert piles["held"].entries == 1
    assert piles["held"].size >= 100_000
    assert 3500 < piles["held"].oldest < 3700
    assert (piles["kept"].entries, piles["kept"].size) == (1, 10)
    assert piles["trash"].entries == 0


def test_looking_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "held").mkdir()

    look(tmp_path)

    assert [path.name for path in tmp_path.iterdir()] == ["held"]
