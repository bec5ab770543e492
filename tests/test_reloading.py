"""Settings that follow their file while the agent runs, and those that wait."""

from pathlib import Path

import pytest

from agent.config import LiveSettings, Loaded, Settings, load
from agent.config.reloading import changed, with_live_ones
from agent.config.table import rows
from agent.model.errors import ConfigError
from agent.model.reread import Reread
from agent.model.snapshot import Unsettled


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "agent.toml"
    path.write_text('[agent]\nslots = 1\n[log]\nlevel = "info"\n')
    return path


def live_of(file: Path, **flags: object) -> LiveSettings:
    def read() -> Loaded:
        return load(environ={}, flags=flags, file=file)

    return LiveSettings(read(), read)


def test_nothing_new_changes_nothing(file: Path) -> None:
    live = live_of(file)
    before = live.current

    assert live.reread() == Reread()
    assert live.current == before


def test_a_live_setting_is_in_force_and_the_others_wait(file: Path) -> None:
    live = live_of(file)
    told: list[Settings] = []
    live.on_change(told.append)
    file.write_text('[agent]\nslots = 4\n[log]\nlevel = "debug"\n')

    found = live.reread()

    assert found == Reread(applied=("log.level",), need_restart=("agent.slots",))
    assert (live.current.log_level, live.current.slots) == ("debug", 1)
    assert told == [live.current]
    assert live.unsettled == Unsettled(need_restart=("agent.slots",))


def test_what_waits_is_forgotten_when_the_file_takes_it_back(file: Path) -> None:
    live, first = live_of(file), file.read_text()
    file.write_text("[agent]\nslots = 4\n")
    live.reread()
    file.write_text(first)

    assert live.reread() == Reread()
    assert live.unsettled == Unsettled()


def test_a_flag_still_wins_over_the_file(file: Path) -> None:
    live = live_of(file, log_level="error")
    file.write_text('[agent]\nslots = 1\n[log]\nlevel = "debug"\n')

    assert live.reread() == Reread()
    assert live.current.log_level == "error"


@pytest.mark.parametrize("content", ["[agent", "[agent]\nslots = 0\n", "[agnet]\nslots = 1\n"])
def test_a_broken_file_keeps_what_was_and_says_why(file: Path, content: str) -> None:
    live = live_of(file)
    before = live.current
    file.write_text(content)

    found = live.reread()

    assert found.problem
    assert live.current == before
    assert live.unsettled.problem == found.problem


def test_a_file_that_is_gone_keeps_what_was(file: Path) -> None:
    live = live_of(file)
    file.unlink()

    assert "there is no configuration file" in (live.reread().problem or "")
    assert live.current.slots == 1


def test_what_one_part_refuses_no_part_takes_over(file: Path) -> None:
    live = live_of(file)
    told: list[Settings] = []

    def refuse(settings: Settings) -> None:
        raise ConfigError(f"there is no token file {settings.token_file}")

    live.on_change(refuse)
    live.on_change(told.append)
    file.write_text('[agent]\nslots = 1\n[log]\nlevel = "debug"\n')

    assert live.reread().problem == "there is no token file None"
    assert live.current.log_level == "info"
    assert told == []


def test_a_mended_file_is_no_problem_any_more(file: Path) -> None:
    live, first = live_of(file), file.read_text()
    file.write_text("[agent")
    live.reread()
    file.write_text(first)

    assert live.reread() == Reread()
    assert live.unsettled.problem is None


def test_only_live_settings_are_taken_over() -> None:
    old, new = Settings(), Settings(slots=3, log_level="debug", max_jobs=7, queues=("q",))

    merged = with_live_ones(old, new)

    assert set(changed(old, merged)) == {"log_level", "max_jobs"}
    assert all(rows()[name].key.live for name in changed(old, merged))
