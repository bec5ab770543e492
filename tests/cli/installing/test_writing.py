import stat
from pathlib import Path

import pytest

from agent.cli.exit_codes import UsageError
from agent.cli.installing.plan import Plan, Sheet
from agent.cli.installing.writing import headed, write


def plan(folder: Path, text: str = "[Unit]\n") -> Plan:
    return Plan(
        folder=folder / "units", sheets=(Sheet("a", text), Sheet("b", "same\n")), commands=()
    )


def test_files_are_written_for_everybody_to_read(tmp_path: Path) -> None:
    written = list(write(plan(tmp_path), is_forced=False))

    assert [path.name for path in written] == ["a", "b"]
    assert written[0].read_text() == headed("[Unit]\n")
    assert stat.S_IMODE(written[0].stat().st_mode) == 0o644
    assert {path.name for path in (tmp_path / "units").iterdir()} == {"a", "b"}


def test_what_nobody_has_changed_is_brought_up_to_date(tmp_path: Path) -> None:
    list(write(plan(tmp_path), is_forced=False))

    written = list(write(plan(tmp_path, "[Unit]\nnew\n"), is_forced=False))

    assert [path.name for path in written] == ["a"]
    assert written[0].read_text() == headed("[Unit]\nnew\n")


@pytest.mark.parametrize("theirs", ["[Unit]\n# mine\n", headed("[Unit]\n") + "# mine\n"])
def test_what_somebody_has_changed_stays_and_nothing_else_is_written(
    tmp_path: Path, theirs: str
) -> None:
    (tmp_path / "units").mkdir()
    (tmp_path / "units/a").write_text(theirs)

    with pytest.raises(UsageError, match=r"units/a: somebody has changed it .* --force"):
        list(write(plan(tmp_path), is_forced=False))

    assert (tmp_path / "units/a").read_text() == theirs
    assert not (tmp_path / "units/b").exists()


def test_force_writes_over_it(tmp_path: Path) -> None:
    (tmp_path / "units").mkdir()
    (tmp_path / "units/a").write_text("theirs")

    list(write(plan(tmp_path), is_forced=True))

    assert (tmp_path / "units/a").read_text() == headed("[Unit]\n")


def test_where_nobody_may_write_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied", "/etc/systemd/system/a")

    monkeypatch.setattr("agent.cli.installing.writing.write_whole", refuse)

    with pytest.raises(UsageError, match=r"/etc/systemd/system/a: you may not write there.*--user"):
        list(write(plan(tmp_path), is_forced=False))
