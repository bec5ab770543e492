"""A file of ours, made of what MoRAG's own remote converter was set up with."""

import json
import tempfile
import tomllib
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.config import Settings, load
from agent.config.importing import read, written
from agent.model.errors import ConfigError

YAML = """\
worker_id: My box
api_base_url: https://morag.example/rag/
api_key: hush-hush
content_types: [audio, youtube]
poll_interval: 10
max_concurrent_jobs: 2
log_level: WARN
temp_dir: /tmp/morag_remote
gpu: yes
"""
DOTENV = """\
# MoRAG
export MORAG_API_BASE_URL="https://morag.example"   # here
MORAG_API_KEY='hush-hush'
MORAG_WORKER_ID = attic # its name

MORAG_AUDIO_LANGUAGE=de
MORAG_REMOTE_MAX_FILE_SIZE_GB=2
MORAG_AGENT_WATCH_PORT=9109
MORAG_SPACY_MODEL=en_core_web_sm
MORAG_WORKER_POLL_INTERVAL=
GEMINI_API_KEY=other-secret
"""


def without_token(settings: Settings) -> Settings:
    return settings.model_copy(update={"token": None, "token_file": None})


def imported(folder: Path, name: str, text: str) -> tuple[Settings, str]:
    """The settings of the file that comes of it, and the file."""
    source, target = folder / name, folder / "config.toml"
    source.write_text(text, encoding="utf-8")
    told = written(read(source), folder / "token")
    target.write_text(told, encoding="utf-8")
    return load(environ={}, file=target).settings, told


def test_a_yaml_file_comes_over_whole(tmp_path: Path) -> None:
    settings, told = imported(tmp_path, "converter.yaml", YAML)

    direct = load(environ={}, file=tmp_path / "converter.yaml").settings
    assert settings == Settings(
        server_url="https://morag.example/rag",
        server_dialect="morag",
        token_file=tmp_path / "token",
        agent_id="My-box",
        content_types=("audio",),
        poll_interval_s=10,
        slots=2,
        log_level="warning",
    )
    assert without_token(settings) == without_token(direct)
    assert "hush" not in told
    assert read(tmp_path / "converter.yaml").key == "hush-hush"


def test_what_became_of_each_thing_stands_in_the_comments(tmp_path: Path) -> None:
    _, told = imported(tmp_path, "converter.yaml", YAML)

    lines = told.splitlines()
    head = "\n".join(lines[: lines.index("")])
    assert "# - gpu is no setting of MoRAG's converter" in head
    assert '# - worker_id: "My box" became "My-box"' in head
    assert "# - content_types: youtube is left out" in head
    assert "# - temp_dir: /tmp/morag_remote is not used" in head
    assert lines[lines.index("poll_interval_s = 10") - 1].startswith("# poll_interval: while no")
    assert lines[lines.index('dialect = "morag"') - 1].startswith("# Not said there: the server is")
    assert lines[lines.index('level = "warning"') - 1] == "# log_level."
    assert max(map(len, lines)) <= 100


def test_a_dotenv_file_comes_over_with_all_that_is_ours(tmp_path: Path) -> None:
    settings, told = imported(tmp_path, ".env", DOTENV)

    assert settings == Settings(
        server_url="https://morag.example",
        server_dialect="morag",
        token_file=tmp_path / "token",
        agent_id="attic",
        language="de",
        max_file_size=2 * 10**9,
        watch_port=9109,
    )
    assert "# - MORAG_SPACY_MODEL is not used" in told
    assert "# - nothing to do with this agent: GEMINI_API_KEY\n" in told
    assert "secret" not in told
    assert "hush" not in told


def test_a_dotenv_file_that_names_a_token_file_keeps_it(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("MORAG_API_KEY=hush\nMORAG_AGENT_TOKEN_FILE=/etc/token\n")

    found = read(file)

    assert (found.key, found.settings.token_file) == (None, Path("/etc/token"))
    assert found.left_out == (
        "MORAG_API_KEY is not used, because MORAG_AGENT_TOKEN_FILE is set too",
    )
    assert 'token_file = "/etc/token"' in written(found, found.settings.token_file)


def test_without_a_key_no_token_is_named(tmp_path: Path) -> None:
    settings, told = imported(tmp_path, "c.yaml", "worker_id: attic\n")

    assert (settings.token_file, settings.server_url) == (None, "http://localhost:8000")
    assert "token" not in told


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "holds no settings"),
        ("GEMINI_API_KEY=hush\n", "says nothing that this agent could use"),
        ("model: hush\n", "says nothing that this agent could use"),
        ("A=1\nhush\n", "line 2 is not of the form NAME=value"),
        ("MORAG_API_KEY='hush\n", "line 1 has a quotation mark that is never closed"),
        ("api_key: hush hush\n", "api_key: the key is not one word of plain letters"),
        ("worker_id: [a: [hush", "is no valid YAML (line 1)"),
        ("poll_interval: soon\nmax_concurrent_jobs: 0\n", "max_concurrent_jobs) is wrong"),
    ],
)
def test_what_cannot_be_read_is_told_without_what_stands_in_it(
    tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "file"
    file.write_text(text)

    with pytest.raises(ConfigError) as caught:
        read(file)

    assert told in str(caught.value)
    assert "hush" not in str(caught.value)


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text("poll_interval: soon\nmax_concurrent_jobs: 0\n")

    with pytest.raises(ConfigError) as caught:
        read(file)

    assert len(str(caught.value).splitlines()) == 2


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no configuration file"):
        read(tmp_path / "none.yaml")


def test_no_name_can_break_out_of_a_comment(tmp_path: Path) -> None:
    _, told = imported(tmp_path, "c.yaml", 'worker_id: a\n"x\\n[server]\\nurl = 1": 2\n')

    assert tomllib.loads(told)["server"] == {"url": "http://localhost:8000", "dialect": "morag"}


_word = st.text("abcXYZ019 .-_/'\"\\#=:äß😀", min_size=1, max_size=12)
_converters = st.fixed_dictionaries(
    {},
    optional={
        "worker_id": _word,
        "api_base_url": st.sampled_from(["http://localhost:8000", "https://m.example/a/"]),
        "content_types": st.lists(st.sampled_from(["audio", "video", "web"]), min_size=1),
        "poll_interval": st.integers(1, 600),
        "max_concurrent_jobs": st.integers(1, 64),
        "log_level": st.sampled_from(["DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"]),
        "temp_dir": _word.map(lambda word: f"/data/{word.strip()}x"),
    },
).filter(bool)


@given(_converters)
def test_the_file_means_what_the_converters_meant(keys: Mapping[str, object]) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder, text = Path(name), json.dumps(keys, ensure_ascii=False)
        try:
            direct = _loaded(folder, text)
        except ConfigError:
            with pytest.raises(ConfigError):
                imported(folder, "c.yaml", text)
            return
        assert imported(folder, "c.yaml", text)[0] == direct


def _loaded(folder: Path, text: str) -> Settings:
    file = folder / "direct.yaml"
    file.write_text(text, encoding="utf-8")
    return load(environ={}, file=file).settings
