import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from agent.cli.installing.plan import Site
from agent.cli.installing.systemd import systemd_plan
from tests.cli.installing.sites import HOME, golden, owner, site


@pytest.mark.parametrize(
    ("made", "name", "folder"),
    [
        (site(), "system.service", "/etc/systemd/system"),
        (owner(), "user.service", "/home/ada lovelace/.config/systemd/user"),
    ],
)
def test_the_unit_is_this(made: Site, name: str, folder: str) -> None:
    plan = systemd_plan(made, HOME / ".config")

    (sheet,) = plan.sheets
    assert sheet.name == "morag-agent.service"
    assert sheet.text == golden(name)
    assert plan.folder == Path(folder)


@pytest.mark.parametrize("made", [site(), owner()])
def test_systemd_understands_it(made: Site, tmp_path: Path) -> None:
    python = tmp_path / "a b/python"
    python.parent.mkdir()
    python.write_text("#!/bin/sh\n")
    python.chmod(0o755)
    (sheet,) = systemd_plan(replace(made, python=python), tmp_path).sheets
    (tmp_path / sheet.name).write_text(sheet.text)
    whose = ["--user"] if made.is_user else []

    verified = subprocess.run(
        ["systemd-analyze", *whose, "verify", "--man=no", str(tmp_path / sheet.name)],
        env={"PATH": "/usr/bin:/bin", "XDG_RUNTIME_DIR": str(tmp_path), "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    # It tells of other units of the machine, too.
    ours = [line for line in verified.stderr.splitlines() if "morag-agent" in line]
    assert (verified.returncode, ours) == (0, []), verified.stderr


@pytest.mark.parametrize("made", [site(), owner()])
def test_no_wall_of_the_unit_stands_in_the_way_of_the_agents_own_or_of_the_gpu(made: Site) -> None:
    (sheet,) = systemd_plan(made, HOME).sheets

    names = {line.split("=")[0] for line in sheet.text.splitlines()}
    assert not names & {
        *("PrivateDevices", "DevicePolicy", "DeviceAllow", "ProtectClock", "PrivateUsers"),
        *("MemoryDenyWriteExecute", "SystemCallFilter", "ProtectProc", "PrivateNetwork"),
    }


def test_a_service_of_the_machine_says_what_its_user_cannot_reach(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    tmp_path.chmod(0o755)

    made = site(python=closed / "bin/python")
    told = " ".join(systemd_plan(made, HOME, its_own=()).remarks)

    assert f"{closed / 'bin/python'} is out of that user's reach" in told
    assert "--user" in told


@pytest.mark.parametrize("what", ["python", "config", "models"])
def test_what_lies_where_the_service_has_folders_of_its_own_is_told(what: str) -> None:
    below = Path("/var/tmp/agent/of mine")  # noqa: S108

    (_, told) = systemd_plan(site(**{what: below}), HOME).remarks

    assert told == (
        f"{below} is not there for the service, which has a /tmp and a /var/tmp of its own:"
        " move it, or give --user for a service of yours"
    )


def test_a_service_of_ones_own_sees_the_folders_of_everybody() -> None:
    made = owner(config=Path("/tmp/agent.toml"), models=Path("/tmpfoo"))  # noqa: S108

    assert systemd_plan(made, HOME).remarks == ()


def test_only_what_lies_below_those_folders_is_told() -> None:
    assert len(systemd_plan(site(models=Path("/tmpfs/models")), HOME).remarks) == 1  # noqa: S108


def test_a_log_file_is_out_of_its_reach_too() -> None:
    told = systemd_plan(site(log_file=HOME / "agent.log"), HOME).remarks

    assert any("agent.log (log.file)" in remark for remark in told)


def test_more_time_to_finish_is_more_time_before_the_kill() -> None:
    (sheet,) = systemd_plan(site(stop_grace_s=100), HOME).sheets

    assert "TimeoutStopSec=112\n" in sheet.text


def test_without_a_token_nothing_is_said_of_one() -> None:
    for made in (site(token_file=None), owner(token_file=None)):
        assert "token" not in systemd_plan(made, HOME).sheets[0].text.lower()
