from pathlib import Path

import pytest

from agent.cli.exit_codes import UsageError
from agent.cli.installing.plan import Site
from agent.cli.installing.site import site_of, unreachable
from agent.config import Loaded, load

FLAGS = {
    "token_file": "/t/token",
    "queues": "fast,slow",
    "labels": "site=home,rack=2",
    "gpu": False,
    "stop_grace_s": "12.5",
    "caption_model": "/m/blip",
    "serve_port": "1",
}


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(
        '[server]\nurl = "https://morag.example.org"\n[agent]\nid = "attic"\nslots = 3\n'
    )
    return file


def made(loaded: Loaded) -> Site:
    return site_of(loaded, is_user=True, has_gpu=False, image="i")


def test_a_service_is_told_what_does_not_stand_in_the_file(file: Path) -> None:
    site = made(load(environ={"MORAG_AGENT_LOG_LEVEL": "debug"}, flags=FLAGS, file=file))

    assert site.config == file
    assert site.environment == {
        "MORAG_AGENT_QUEUES": "fast,slow",
        "MORAG_AGENT_LABELS": "site=home,rack=2",
        "MORAG_AGENT_STOP_GRACE_S": "12.5",
        "MORAG_AGENT_GPU": "off",
        "MORAG_AGENT_CAPTION_MODEL": "/m/blip",
        "MORAG_AGENT_LOG_LEVEL": "debug",
    }
    assert site.stop_grace_s == 13


def test_a_container_is_told_all_but_the_places_on_this_machine(file: Path) -> None:
    loaded = load(environ={}, flags=FLAGS, file=file)

    told = made(loaded).whole_environment

    assert told["MORAG_AGENT_SERVER_URL"] == "https://morag.example.org"
    assert told["MORAG_AGENT_ID"] == "attic"
    assert told["MORAG_AGENT_SLOTS"] == "3"
    assert "MORAG_AGENT_CAPTION_MODEL" not in told
    assert list(unreachable(loaded)) == [
        "image.caption_model is a path of this machine and was left out; mount it to use it"
    ]


def test_what_is_written_is_read_as_the_same_settings(file: Path) -> None:
    loaded = load(environ={}, flags=FLAGS, file=file)
    site = made(loaded)

    again = load(environ=dict(site.environment), flags={"token_file": "/t/token"}, file=file)

    assert again.settings == loaded.settings.model_copy(update={"serve_port": 8080})


def test_the_id_is_told_even_where_it_is_the_hosts_name(tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.touch()
    loaded = load(environ={}, flags={"token_file": "/t/token"}, file=empty)

    site = made(loaded)

    assert site.whole_environment["MORAG_AGENT_ID"] == loaded.settings.agent_id
    assert site.environment == {}
    assert site.is_on_this_machine


def test_a_token_without_a_file_is_not_written_into_one(tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.touch()

    with pytest.raises(UsageError, match="give --token-file FILE"):
        made(load(environ={"MORAG_AGENT_TOKEN": "secret"}, file=empty))


def test_a_morag_that_asks_for_no_token_needs_none(tmp_path: Path) -> None:
    empty = tmp_path / "empty.toml"
    empty.touch()
    keyless = load(environ={}, flags={"server_dialect": "morag"}, file=empty)
    bare = load(environ={"MORAG_API_KEY": "hush"}, flags={"server_dialect": "morag"}, file=empty)

    assert made(keyless).token_file is None
    for loaded in (bare, load(environ={}, file=empty)):
        with pytest.raises(UsageError, match="where does the token lie"):
            made(loaded)
