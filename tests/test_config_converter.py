"""The names and spellings of MoRAG's own remote converter, in its environment and its file."""

from pathlib import Path

import pytest

from agent.config import Loaded, Settings, agent_token, load, pipeline_settings
from agent.config.converter import SETTINGS
from agent.model.errors import ConfigError

TMP = "/tmp"  # noqa: S108
WHOLE = {
    "MORAG_WORKER_ID": "gpu-1",
    "MORAG_API_BASE_URL": "https://morag.example/rag/",
    "MORAG_WORKER_CONTENT_TYPES": "audio, video",
    "MORAG_WORKER_POLL_INTERVAL": "10",
    "MORAG_WORKER_MAX_CONCURRENT_JOBS": "2",
    "MORAG_LOG_LEVEL": "INFO",
    "MORAG_TEMP_DIR": "/data/morag",
    "MORAG_WHISPER_MODEL_SIZE": "large-v3",
    "MORAG_AUDIO_LANGUAGE": "de",
    "MORAG_AUDIO_DEVICE": "cuda",
    "MORAG_ENABLE_SPEAKER_DIARIZATION": "true",
    "MORAG_ENABLE_TOPIC_SEGMENTATION": "False",
}
YAML = """\
# as the tool writes it
worker_id: gpu-1
api_base_url: https://morag.example
api_key: 0123456789
content_types: [audio, video]
poll_interval: 10
max_concurrent_jobs: 2
log_level: INFO
temp_dir: /data/morag
"""


@pytest.fixture
def yaml(tmp_path: Path) -> Path:
    file = tmp_path / "remote_converter.yaml"
    file.write_text(YAML)
    file.chmod(0o600)
    return file


def with_one(name: str, value: str) -> Loaded:
    return load(environ={name: value})


def test_the_whole_environment_of_the_converter_is_understood() -> None:
    settings = load(environ=WHOLE).settings

    assert settings == Settings(
        agent_id="gpu-1",
        server_url="https://morag.example/rag",
        content_types=("audio", "video"),
        poll_interval_s=10,
        slots=2,
        log_level="info",
        spool=Path("/data/morag/morag-agent"),
        whisper_model="large-v3",
        language="de",
        device="cuda",
        diarization=True,
        topics=False,
    )
    assert pipeline_settings(settings).language == "de"


def test_each_value_tells_which_of_its_variables_it_came_from() -> None:
    origins = load(environ=WHOLE).origins

    assert {origins[was.setting] for was in SETTINGS if was.env in WHOLE} == set(WHOLE)


def test_the_key_is_the_token_and_is_never_shown() -> None:
    loaded = with_one("MORAG_API_KEY", "hush")

    assert agent_token(loaded.settings).get_secret_value() == "hush"
    assert loaded.warnings[0].startswith("the token comes from MORAG_API_KEY; a file is safer")
    assert "hush" not in repr(loaded)


def test_names_of_the_agents_own_win_over_those_of_the_converter() -> None:
    environ = {
        "MORAG_WORKER_ID": "theirs",
        "MORAG_REMOTE_WORKER_ID": "older",
        "MORAG_WORKER_MAX_CONCURRENT_JOBS": "2",
        "MORAG_AGENT_SLOTS": "3",
        "MORAG_API_BASE_URL": "https://one.example",
        "MORAG_API_KEY": "hush",
        "MORAG_AGENT_TOKEN_FILE": "/t",
    }

    loaded = load(environ=environ, flags={"server_url": "https://two.example"})

    settings = loaded.settings
    assert (settings.agent_id, settings.slots) == ("older", 3)
    assert (settings.server_url, settings.token) == ("https://two.example", None)
    assert loaded.warnings == (
        "MORAG_API_KEY is not used, because MORAG_AGENT_TOKEN_FILE is set too",
    )


def test_what_they_undo_in_the_agents_own_file_is_told(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(
        "[speech]\nmodel = 'small'\n[server]\ntoken_file = '/t'\n[agent]\nid = 'attic'\n"
        "[spool]\nfolder = '/data/x'\n"
    )
    environ = {
        "WHISPER_MODEL_SIZE": "base",
        "MORAG_API_KEY": "hush",
        "MORAG_WORKER_ID": "attic",
        "MORAG_TEMP_DIR": f"{TMP}/x",
    }

    loaded = load(environ=environ, file=file)

    settings = loaded.settings
    assert (settings.whisper_model, settings.token_file) == ("base", None)
    assert settings.spool == Path("/data/x")
    assert loaded.warnings == (
        f"{file}: speech.model is not used, because WHISPER_MODEL_SIZE is set too",
        f"{file}: server.token_file is not used, because MORAG_API_KEY is set too",
        "the token comes from MORAG_API_KEY; a file is safer: name it in token_file",
    )


def test_of_the_two_names_of_the_model_the_more_particular_one_counts() -> None:
    environ = {"MORAG_WHISPER_MODEL_SIZE": "small", "WHISPER_MODEL_SIZE": "base"}

    assert load(environ=environ).settings.whisper_model == "small"
    assert with_one("WHISPER_MODEL_SIZE", "base").settings.whisper_model == "base"


@pytest.mark.parametrize(
    ("name", "written", "setting", "value"),
    [
        ("MORAG_LOG_LEVEL", "CRITICAL", "log_level", "error"),
        ("MORAG_LOG_LEVEL", "WARN", "log_level", "warning"),
        ("MORAG_WORKER_CONTENT_TYPES", "Audio,IMAGE", "content_types", ("audio", "image")),
        ("MORAG_AUDIO_LANGUAGE", "de-AT", "language", "de"),
        ("MORAG_AUDIO_LANGUAGE", "auto", "language", None),
        ("MORAG_AUDIO_DEVICE", "GPU", "device", "cuda"),
        ("MORAG_AUDIO_DEVICE", "cuda:0", "device", "cuda"),
        ("MORAG_AUDIO_DEVICE", "CPU", "device", "cpu"),
        ("MORAG_ENABLE_SPEAKER_DIARIZATION", "0", "diarization", False),
    ],
)
def test_values_may_be_spelt_as_they_are_there(
    name: str, written: str, setting: str, value: object
) -> None:
    loaded = with_one(name, written)

    assert getattr(loaded.settings, setting) == value
    assert loaded.warnings == ()


@pytest.mark.parametrize(
    ("name", "written", "setting", "value", "told"),
    [
        (
            *("MORAG_WORKER_CONTENT_TYPES", "audio,youtube", "content_types", ("audio",)),
            "youtube is left out",
        ),
        ("MORAG_WORKER_ID", "Anna's box", "agent_id", "Anna-s-box", '"Anna\'s box" became'),
        ("MORAG_AUDIO_DEVICE", "cuda:1", "device", "cuda", "CUDA_VISIBLE_DEVICES=1"),
        ("MORAG_TEMP_DIR", "/data/x", "spool", Path("/data/x/morag-agent"), "let no converter run"),
        ("MORAG_TEMP_DIR", f"{TMP}/morag_remote", "spool", Settings().spool, "a reboot empties it"),
    ],
)
def test_what_does_not_carry_over_as_it_is_is_told(
    name: str, written: str, setting: str, value: object, told: str
) -> None:
    loaded = with_one(name, written)

    assert getattr(loaded.settings, setting) == value
    (warning,) = loaded.warnings
    assert warning.startswith(f"{name}: ")
    assert told in warning


def test_a_folder_of_theirs_that_is_not_used_leaves_the_default_its_origin() -> None:
    loaded = with_one("MORAG_TEMP_DIR", f"{TMP}/morag_remote")

    assert loaded.origins["spool"] == "default"


def test_what_is_overruled_is_not_remarked_on() -> None:
    environ = {"MORAG_TEMP_DIR": f"{TMP}/x", "MORAG_AGENT_SPOOL": "/data/x"}

    loaded = load(environ=environ)

    assert (loaded.settings.spool, loaded.warnings) == (Path("/data/x"), ())


def test_a_variable_without_a_meaning_here_is_told() -> None:
    (warning,) = with_one("MORAG_SPACY_MODEL", "en_core_web_sm").warnings

    assert warning.startswith("MORAG_SPACY_MODEL is not used: topics are found")


def test_other_variables_of_a_morag_server_are_nobodys_business() -> None:
    assert with_one("MORAG_WEBHOOK_URL", "https://x").warnings == ()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("MORAG_WORKER_CONTENT_TYPES", "youtube"),
        ("MORAG_AUDIO_LANGUAGE", "german"),
        ("MORAG_WORKER_POLL_INTERVAL", "soon"),
        ("MORAG_API_BASE_URL", "morag:8000"),
    ],
)
def test_what_cannot_be_meant_is_told_under_the_name_that_it_was_given_under(
    name: str, written: str
) -> None:
    with pytest.raises(ConfigError, match=rf"{name}\) is wrong"):
        with_one(name, written)


def test_its_file_is_taken_as_it_is(yaml: Path) -> None:
    loaded = load(environ={}, file=yaml)

    assert loaded.settings == Settings(
        server_url="https://morag.example",
        server_dialect="morag",
        token=loaded.settings.token,
        agent_id="gpu-1",
        content_types=("audio", "video"),
        poll_interval_s=10,
        slots=2,
        log_level="info",
        spool=Path("/data/morag/morag-agent"),
    )
    assert agent_token(loaded.settings).get_secret_value() == "0123456789"
    assert loaded.origins["agent_id"] == f"{yaml}: worker_id"
    assert loaded.file == yaml
    assert [one for one in loaded.warnings if "safer" in one] == [
        f"the token comes from {yaml}: api_key; a file is safer: name it in token_file"
    ]


def test_what_its_file_leaves_out_is_as_it_was_there(yaml: Path) -> None:
    yaml.write_text("worker_id: gpu-1\napi_key: null\ntemp_dir:\n")

    settings = load(environ={"MORAG_AGENT_CONFIG": str(yaml)}).settings

    assert (settings.server_url, settings.server_dialect) == ("http://localhost:8000", "morag")
    assert (settings.token, settings.spool) == (None, Settings().spool)


def test_its_environment_wins_over_its_file(yaml: Path) -> None:
    yaml.write_text("worker_id: gpu-1\nmax_concurrent_jobs: 2\ncontent_types: [audio, web]\n")
    environ = {
        "MORAG_WORKER_ID": "gpu-2",
        "MORAG_API_BASE_URL": "https://m.example",
        "MORAG_WORKER_CONTENT_TYPES": "audio,web",
    }

    loaded = load(environ=environ, file=yaml)

    settings = loaded.settings
    assert (settings.agent_id, settings.slots) == ("gpu-2", 2)
    assert settings.server_url == "https://m.example"
    assert loaded.warnings == (
        f"{yaml}: worker_id is not used, because MORAG_WORKER_ID is set too",
    )


def test_a_key_in_a_file_that_others_can_read_is_warned_about(yaml: Path) -> None:
    yaml.chmod(0o644)
    opened = f"others on this machine can read {yaml}: run chmod 600 {yaml}"

    assert opened in load(environ={}, file=yaml).warnings
    assert opened not in load(environ={"MORAG_AGENT_TOKEN": "x"}, file=yaml).warnings


def test_a_key_that_the_converter_does_not_know_is_told(yaml: Path) -> None:
    yaml.write_text("worker_id: a\nwhisper: base\n")

    assert load(environ={}, file=yaml).warnings == (
        f"{yaml}: whisper is no setting of MoRAG's converter",
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("api_key: [hush", "is no valid YAML (line 1)"),
        ("api_key: *hush", "is no valid YAML (line 1)"),
        ("api_key: {hush: hush}", "api_key is neither a text nor a list of texts"),
        ("hush", "holds no settings"),
        ("", "holds no settings"),
        ("[" * 100_000, "is no"),
    ],
)
def test_a_broken_file_is_told_without_what_stands_in_it(yaml: Path, text: str, told: str) -> None:
    yaml.write_text(text)

    with pytest.raises(ConfigError) as caught:
        load(environ={}, file=yaml)

    assert told in str(caught.value)
    assert "hush" not in str(caught.value)
