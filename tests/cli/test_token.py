import json
import stat
from pathlib import Path

import pytest

from agent.cli import main
from agent.cli.exit_codes import ExitCode


@pytest.fixture
def data(tmp_path: Path) -> str:
    return str(tmp_path / "data")


def listed(data: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    capsys.readouterr()
    assert main(["token", "list", "--json", "--data", data]) == 0
    tokens: list[dict[str, object]] = json.loads(capsys.readouterr().out)
    return tokens


def test_a_token_is_printed_alone_so_that_it_can_be_piped(
    data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", "create", "--agent", "attic", "--data", data]) == 0

    told = capsys.readouterr()
    assert told.out.startswith("morag_agent_")
    assert len(told.out.splitlines()) == 1
    assert told.err == ""


def test_a_token_goes_into_a_private_file_and_is_not_shown(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "new" / "token"

    assert main(["token", "create", "--client", "--out", str(file), "--data", data]) == 0

    assert file.read_text().startswith("morag_client_")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert "morag_client_" not in capsys.readouterr().out


def test_a_file_that_exists_is_not_overwritten_and_no_token_is_made(
    data: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "precious"
    file.write_text("precious")

    assert main(["token", "create", "--client", "--out", str(file), "--data", data]) == 64
    assert "it exists" in capsys.readouterr().err
    assert file.read_text() == "precious"
    assert listed(data, capsys) == []


def test_the_list_tells_whose_token_it_is_but_not_the_token(
    data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["token", "create", "--agent", "attic", "--label", "the box upstairs", "--data", data])
    secret = capsys.readouterr().out.strip()

    main(["token", "list", "--data", data])

    told = capsys.readouterr().out
    assert "agent attic" in told
    assert "the box upstairs" in told
    assert "valid" in told
    assert secret not in told


def test_a_revoked_token_is_shown_as_such_and_cannot_be_revoked_twice(
    data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["token", "create", "--client", "--data", data])
    (token,) = listed(data, capsys)
    revoke = ["token", "revoke", str(token["token_id"]), "--data", data]

    assert main(revoke) == 0
    assert main(revoke) == ExitCode.USAGE
    assert listed(data, capsys)[0]["revoked_at"] is not None
    main(["token", "list", "--data", data])
    assert "revoked" in capsys.readouterr().out


def test_an_empty_list_says_how_to_begin(data: str, capsys: pytest.CaptureFixture[str]) -> None:
    main(["token", "list", "--data", data])

    assert "token create" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (["create"], "whose token?"),
        (["create", "--agent", "a b"], "letters, digits"),
        (["create", "--agent", "a", "--client"], "not allowed with"),
        (["revoke"], "which token?"),
        (["frobnicate"], "invalid choice"),
    ],
)
def test_what_makes_no_sense_is_said(
    words: list[str], complaint: str, data: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["token", *words, "--data", data]) == ExitCode.USAGE
    assert complaint in capsys.readouterr().err


def test_a_data_folder_that_cannot_be_made_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")

    assert main(["token", "list", "--data", str(tmp_path / "file" / "data")]) == ExitCode.DISK
    assert str(tmp_path / "file") in capsys.readouterr().err
