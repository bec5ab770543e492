from pathlib import Path

import pytest

from agent.cli import main
from agent.cli.exit_codes import ExitCode

SECRET = "mat_very-secret"  # noqa: S105 (looked for, and not to be found)


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    token = tmp_path / "token"
    token.write_text(SECRET)
    token.chmod(0o600)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.chdir(tmp_path)
    return ["install", "--token-file", str(token), "--server-url", "https://m.example.org"]


@pytest.mark.parametrize(
    ("way", "files"),
    [
        (["--systemd", "--user"], ["config/systemd/user/morag-agent.service"]),
        (
            ["--quadlet", "--user"],
            [
                f"config/containers/systemd/{name}"
                for name in (
                    "morag-agent.container",
                    "morag-agent.volume",
                    "morag-agent-models.volume",
                )
            ],
        ),
        (["--compose"], ["compose.yaml"]),
    ],
)
def test_files_lie_where_they_belong_and_what_comes_next_is_said(
    words: list[str],
    tmp_path: Path,
    way: list[str],
    files: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([*words, *way]) == ExitCode.OK

    said = capsys.readouterr().out
    assert "next:" in said
    for name in files:
        text = (tmp_path / name).read_text()
        assert f"{tmp_path / name}: written" in said
        assert SECRET not in text
    assert main([*words, *way]) == ExitCode.OK
    assert f"{tmp_path / files[0]}: there already" in capsys.readouterr().out


def test_print_writes_nothing(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--systemd", "--user", "--print"]) == ExitCode.OK

    assert "ExecStart=" in capsys.readouterr().out
    assert not (tmp_path / "config").exists()


def test_the_machines_own_folder_can_be_replaced(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*words, "--systemd", "--folder", str(tmp_path / "units")]) == ExitCode.OK

    unit = (tmp_path / "units/morag-agent.service").read_text()
    assert f"LoadCredential=token:{tmp_path / 'token'}" in unit
    assert "systemctl daemon-reload" in capsys.readouterr().out


def test_a_changed_file_is_kept(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "compose.yaml").write_text("mine: {}\n")

    assert main([*words, "--compose"]) == ExitCode.USAGE

    assert "--force" in capsys.readouterr().err
    assert (tmp_path / "compose.yaml").read_text() == "mine: {}\n"
    assert main([*words, "--compose", "--force"]) == ExitCode.OK


@pytest.mark.parametrize("way", [[], ["--systemd", "--quadlet"], ["--compose", "--user"]])
def test_one_way_has_to_be_named(words: list[str], way: list[str]) -> None:
    assert main([*words, *way]) == ExitCode.USAGE


def test_without_a_gpu_a_container_is_given_none_and_that_is_said(
    words: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from agent.edges.nvml import Sight

    monkeypatch.setattr("agent.cli.install.Nvml.look", lambda _: Sight((), "none"))
    assert main([*words, "--compose"]) == ExitCode.OK
    assert "no GPU was seen here" in capsys.readouterr().out

    assert main([*words, "--compose", "--force", "--no-gpu"]) == ExitCode.OK
    assert "no GPU was seen here" not in capsys.readouterr().out
