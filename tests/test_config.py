import tomllib
from pathlib import Path

import pytest

from agent.config import (
    Settings,
    agent_token,
    agent_token_if_any,
    announced_types,
    capability_on,
    client_token,
    known_content_types,
    ledger_file,
    load,
    pipeline_settings,
    quotas_of,
    schedule_of,
    slots_on,
    types_told,
    wanted_types,
)
from agent.config.content_types import by_capability
from agent.config.example import effective, example
from agent.config.guest import guest_policy, power_policy
from agent.config.table import rows
from agent.core.foreign_use import GuestPolicy, Mode, matches
from agent.core.power import PowerPolicy
from agent.core.quota import Quota, Quotas
from agent.model.errors import ConfigError
from agent.model.hardware import Gpu, Hardware
from agent.model.ids import Bytes, Seconds

EXAMPLE = Path(__file__).parent.parent / "config.example.toml"
GIB = 2**30


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "config.toml"


def problems_of(file: Path, text: str, environ: dict[str, str] | None = None) -> list[str]:
    file.write_text(text)
    with pytest.raises(ConfigError) as caught:
        load(environ=environ or {}, file=file)
    return [line.replace(str(file), "FILE") for line in str(caught.value).splitlines()]


def wrong(place: str, value: str, right: str) -> str:
    return f"{place}: {value} (FILE: {place}) is wrong: it must be {right}"


def box(*, memory_gib: int, gpus: int = 0) -> Hardware:
    gpu = Gpu(name="RTX", memory=Bytes(24 * GIB), driver="550")
    return Hardware(
        cpu_cores=8,
        memory=Bytes(memory_gib * GIB),
        disk_free=Bytes(0),
        gpus=(gpu,) * gpus,
        hostname="attic",
    )


def test_the_example_file_is_the_one_that_the_table_writes() -> None:
    assert EXAMPLE.read_text() == example(), "run: python -m agent config --example"


def test_the_example_file_states_every_default() -> None:
    assert load(environ={}, file=EXAMPLE).settings == Settings()


def test_the_example_file_shows_every_setting_but_the_secret() -> None:
    text = EXAMPLE.read_text()

    for row in rows().values():
        shown = f"\n{row.option} = " in text or f"\n# {row.option} = " in text
        assert shown is not row.key.is_secret, row.key.at


def test_what_the_example_file_shows_behind_a_hash_is_valid_too(file: Path) -> None:
    lines = EXAMPLE.read_text().splitlines()
    options = {row.option for row in rows().values()}
    shown = [
        line.removeprefix("# ") if line.removeprefix("# ").partition(" = ")[0] in options else line
        for line in lines
    ]
    file.write_text("\n".join(shown))

    assert load(environ={}, file=file).settings.agent_id == "attic-3090"


def test_every_setting_has_a_variable_a_reason_and_one_place() -> None:
    table = rows().values()

    assert len({row.env for row in table}) == len(table)
    assert len({row.key.at for row in table}) == len(table)
    assert all(row.key.why.endswith(".") for row in table)


@pytest.mark.parametrize(
    ("name", "flag", "env"),
    [
        ("server_url", "--server-url", "MORAG_AGENT_SERVER_URL"),
        ("token_file", "--token-file", "MORAG_AGENT_TOKEN_FILE"),
        ("token", None, "MORAG_AGENT_TOKEN"),
        ("agent_id", "--agent-id", "MORAG_AGENT_ID"),
        ("spool", "--spool", "MORAG_AGENT_SPOOL"),
        ("capability", "--capability", "MORAG_AGENT_CAPABILITY"),
        ("content_types", "--content-types", "MORAG_AGENT_CONTENT_TYPES"),
        ("slots", "--slots", "MORAG_AGENT_SLOTS"),
        ("max_jobs", "--max-jobs", "MORAG_AGENT_MAX_JOBS"),
        ("exit_when_idle_s", "--exit-when-idle", "MORAG_AGENT_EXIT_WHEN_IDLE"),
        ("server_dialect", "--dialect", "MORAG_AGENT_SERVER_DIALECT"),
    ],
)
def test_the_essential_names_are_fixed(name: str, flag: str | None, env: str) -> None:
    assert (rows()[name].flag, rows()[name].env) == (flag, env)


def test_the_seeds_settings_are_read_under_their_older_names() -> None:
    older = {
        "WORKER_ID": "w1",
        "WORKER_CAPABILITY": "hybrid",
        "SERVER_URL": "http://localhost:8000",
        "CELERY_QUEUES": '["gpu_priority"]',
        "MAX_FILE_SIZE_GB": "2",
        "TEMP_DIR": "/tmp/w",  # noqa: S108
        "MAX_CONCURRENT_TASKS": "3",
        "ENABLE_GPU": "false",
        "WHISPER_MODEL_SIZE": "base",
        "LOG_LEVEL": "WARNING",
    }

    settings = load(environ={f"MORAG_REMOTE_{key}": value for key, value in older.items()}).settings

    assert settings == Settings(
        agent_id="w1",
        capability="hybrid",
        server_url="http://localhost:8000",
        queues=("gpu_priority",),
        max_file_size=2 * 10**9,
        spool=Path("/tmp/w"),  # noqa: S108
        slots=3,
        gpu=False,
        whisper_model="base",
        log_level="warning",
    )


def test_later_layers_win_and_the_origin_is_kept(file: Path) -> None:
    file.write_text(
        "[agent]\nslots = 1\nname = 'file'\n[limits]\nmax_jobs = 1\n[log]\nlevel='debug'"
    )
    environ = {
        "MORAG_REMOTE_MAX_CONCURRENT_TASKS": "2",
        "MORAG_REMOTE_WORKER_NAME": "older",
        "MORAG_AGENT_NAME": "newer",
        "MORAG_AGENT_MAX_JOBS": "3",
    }

    loaded = load(environ=environ, flags={"max_jobs": "4"}, file=file)

    settings, origins = loaded.settings, loaded.origins
    assert (settings.slots, origins["slots"]) == (2, "MORAG_REMOTE_MAX_CONCURRENT_TASKS")
    assert (settings.agent_name, origins["agent_name"]) == ("newer", "MORAG_AGENT_NAME")
    assert (settings.max_jobs, origins["max_jobs"]) == (4, "--max-jobs")
    assert (settings.log_level, origins["log_level"]) == ("debug", f"{file}: log.level")
    assert (settings.threads, origins["threads"]) == (0, "default")


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load(environ={"MORAG_AGENT_TOKEN_FILE": ""}).settings.token_file is None


def test_all_problems_are_told_at_once(file: Path) -> None:
    text = """
        slot = 1
        [agent]
        slots = "two"
        capability = "tpu"
        [server]
        url = "ftp://x"
        [limits]
        max_file_size = "10 elephants"
        [spool]
        folder = 5
        [speach]
        model = "base"
        [log]
        levle = "info"
    """

    found = problems_of(file, text, {"MORAG_AGENT_THREADS": "-1"})

    assert found == [
        "FILE: slot: there is no such setting; did you mean agent.slots?",
        "FILE: speach: there is no such setting; did you mean [speech]?",
        "FILE: log.levle: there is no such setting; did you mean log.level?",
        wrong(
            "server.url",
            "'ftp://x'",
            "an address such as https://morag.example.org, without user name or query",
        ),
        wrong("agent.capability", "'tpu'", "one of auto, gpu, cpu, hybrid"),
        wrong("agent.slots", "'two'", 'a whole number from 1 to 1024, or "auto"'),
        wrong("spool.folder", "5", "the path of a folder"),
        wrong(
            "limits.max_file_size",
            "'10 elephants'",
            'a size such as "10GB", "500MB", "4GiB", or a number of bytes, above 0',
        ),
        "speech.threads: '-1' (MORAG_AGENT_THREADS) is wrong: it must be a whole number from 0 up",
    ]


def test_a_switch_where_a_number_belongs_is_no_one(file: Path) -> None:
    assert problems_of(file, "[agent]\nslots = true")[0].startswith("agent.slots: True (FILE")


def test_a_key_of_another_section_is_pointed_to_its_own(file: Path) -> None:
    assert problems_of(file, "[agent]\nmax_jobs = 1") == [
        "FILE: agent.max_jobs: there is no such setting; did you mean limits.max_jobs?"
    ]


def test_a_token_in_the_file_is_refused_and_not_repeated(file: Path) -> None:
    (problem,) = problems_of(file, "[server]\ntoken = 'hush'")

    assert "hush" not in problem
    assert "server.token_file" in problem


def test_settings_that_contradict_each_other_are_told(file: Path) -> None:
    (problem,) = problems_of(file, "[limits]\ntask_timeout_min = 5\nsoft_stop_min = 5")

    assert problem == (
        "limits.soft_stop_min: 5 is wrong: it must be less than limits.task_timeout_min, 5"
    )


def test_an_unknown_content_type_is_told_with_the_known_ones(file: Path) -> None:
    (problem,) = problems_of(file, "[agent]\ncontent_types = ['audio', 'vidoe']")

    assert problem == (
        "agent.content_types: vidoe (FILE: agent.content_types) is wrong:"
        " known are audio, video, image, document, web, text"
    )


def test_a_missing_or_broken_file_is_told(file: Path) -> None:
    with pytest.raises(ConfigError, match="there is no configuration file"):
        load(environ={"MORAG_AGENT_CONFIG": str(file)})
    assert problems_of(file, "[agent")[0].startswith("FILE is no valid TOML")


def test_the_file_is_looked_for_in_the_users_folder(tmp_path: Path) -> None:
    folder = tmp_path / "morag-agent"
    folder.mkdir()
    (folder / "config.toml").write_text("[agent]\nname = 'found'")

    loaded = load(environ={"XDG_CONFIG_HOME": str(tmp_path)})

    assert loaded.settings.agent_name == "found"
    assert loaded.file == folder / "config.toml"


def test_variables_that_do_nothing_are_warned_about() -> None:
    environ = {"MORAG_AGENT_SLOT": "1", "MORAG_REMOTE_REDIS_URL": "redis://x", "HOME": "/"}
    of_the_image = {"MORAG_AGENT_VARIANT": "cuda"}

    assert load(environ=environ | of_the_image).warnings == (
        "MORAG_AGENT_SLOT is no setting and does nothing; did you mean MORAG_AGENT_SLOTS?",
        "MORAG_REMOTE_REDIS_URL is not used: this agent needs nothing but the server's address",
    )


def test_offline_wins_over_downloads_and_says_so() -> None:
    loaded = load(environ={}, flags={"offline": True, "allow_download": True})

    assert loaded.warnings == ("models.allow_download has no effect: models.offline is on",)


def test_folders_of_inputs_without_morags_urls_are_warned_about() -> None:
    loaded = load(environ={}, flags={"serve_input_folders": "/uploads"})

    assert loaded.warnings == ("serve.input_folders has no effect: serve.morag is off",)


def test_a_watch_port_that_others_can_read_is_warned_about() -> None:
    assert load(environ={}, flags={"watch_host": "0.0.0.0"}).warnings == ()  # noqa: S104

    (warning,) = load(environ={}, flags={"watch_host": "0.0.0.0", "watch_port": "9"}).warnings  # noqa: S104

    assert warning == "watch.host: 0.0.0.0 lets others read the watch port without a token"


def test_each_spool_has_a_ledger_beside_it() -> None:
    beside = load(environ={}, flags={"spool": "/srv/gpu1"}).settings
    elsewhere = load(environ={}, flags={"spool": "/srv/gpu1", "ledger_file": "/srv/all"}).settings

    assert ledger_file(beside) == Path("/srv/gpu1.ledger")
    assert ledger_file(elsewhere) == Path("/srv/all")


def test_a_token_over_an_open_wire_is_warned_about() -> None:
    (warning,) = load(environ={}, flags={"server_url": "http://192.0.2.1:8080/"}).warnings

    assert warning.startswith("http://192.0.2.1:8080 is not encrypted")


def test_a_token_in_the_environment_works_and_is_warned_about() -> None:
    loaded = load(environ={"MORAG_AGENT_TOKEN": "hush"})

    assert agent_token(loaded.settings).get_secret_value() == "hush"
    assert "a file is safer" in loaded.warnings[0]
    assert "hush" not in repr(loaded)


def test_the_token_file_wins_within_a_layer_and_the_later_layer_otherwise(file: Path) -> None:
    file.write_text("[server]\ntoken_file = '/from/file'")
    both = {"MORAG_AGENT_TOKEN": "hush", "MORAG_AGENT_TOKEN_FILE": "/from/env"}

    within = load(environ=both).settings
    later = load(environ={"MORAG_AGENT_TOKEN": "hush"}, file=file).settings

    assert (within.token, within.token_file) == (None, Path("/from/env"))
    assert later.token is not None
    assert later.token_file is None


def test_a_token_file_that_others_can_read_is_warned_about(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret\n")
    token.chmod(0o644)
    open_to_all = load(environ={}, flags={"token_file": str(token)})
    token.chmod(0o600)
    private = load(environ={}, flags={"token_file": str(token)})

    assert open_to_all.warnings == (
        f"others on this machine can read {token}: run chmod 600 {token}",
    )
    assert private.warnings == ()
    assert agent_token(private.settings).get_secret_value() == "secret"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (None, "there is no token file"),
        (b"  \n", "is empty"),
        (b"one\ntwo\n", "more than one token"),
        (b"\xff\xfe", "cannot read the token file"),
    ],
)
def test_a_token_file_that_holds_no_token_is_told(
    tmp_path: Path, content: bytes | None, complaint: str
) -> None:
    token = tmp_path / "token"
    if content is not None:
        token.write_bytes(content)

    with pytest.raises(ConfigError, match=complaint):
        agent_token(Settings(token_file=token))


def test_without_a_token_people_are_told_how_to_make_one() -> None:
    with pytest.raises(ConfigError, match="token create --agent attic"):
        agent_token(Settings(agent_id="attic"))
    with pytest.raises(ConfigError, match="token create --client"):
        client_token(Settings())


def test_clients_use_their_own_token_before_the_agents(tmp_path: Path) -> None:
    (tmp_path / "agent").write_text("a")
    (tmp_path / "client").write_text("c")
    agents = Settings(token_file=tmp_path / "agent")
    both = Settings(token_file=tmp_path / "agent", client_token_file=tmp_path / "client")

    assert client_token(agents).get_secret_value() == "a"
    assert client_token(both).get_secret_value() == "c"


@pytest.mark.parametrize(
    ("text", "size"),
    [("10GB", 10**10), ("500 mb", 5 * 10**8), ("4GiB", 4 * GIB), ("1.5KB", 1500), ("77", 77)],
)
def test_sizes_are_written_as_people_write_them(text: str, size: int) -> None:
    assert load(environ={"MORAG_AGENT_MAX_FILE_SIZE": text}).settings.max_file_size == size


def test_lists_and_labels_are_short_outside_of_the_file() -> None:
    environ = {"MORAG_AGENT_QUEUES": "a, b", "MORAG_AGENT_LABELS": "site=home,rack=2"}

    settings = load(environ=environ).settings

    assert settings.queues == ("a", "b")
    assert settings.labels == {"site": "home", "rack": "2"}


def test_a_path_may_begin_at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    assert load(environ={}, flags={"spool": "~/spool"}).settings.spool == tmp_path / "spool"


def test_the_default_spool_follows_the_state_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/state")

    assert Settings().spool == Path("/state/morag-agent/spool")


def test_a_capability_names_the_types_it_is_for() -> None:
    assert wanted_types(Settings(capability="gpu")) == ("audio", "video", "image")
    assert wanted_types(Settings(capability="cpu")) == ("document", "web", "text")
    assert wanted_types(Settings(capability="hybrid")) == EVERY
    assert wanted_types(Settings(capability="cpu", content_types=("audio",))) == ("audio",)


def test_only_what_can_be_computed_is_announced() -> None:
    settings = Settings(content_types=("text", "video"))

    assert announced_types(settings, NO_GPU, {"text", "audio"}) == ("text",)
    assert announced_types(settings, NO_GPU, ()) == ()


EVERY = ("audio", "video", "image", "document", "web", "text")
NO_GPU = box(memory_gib=8)
ONE_GPU = box(memory_gib=8, gpus=1)


@pytest.mark.parametrize(
    ("settings", "hardware", "capability", "types"),
    [
        (Settings(), ONE_GPU, "gpu", ("audio", "video", "image")),
        (Settings(), NO_GPU, "hybrid", EVERY),
        (Settings(gpu=False), ONE_GPU, "hybrid", EVERY),
        (Settings(content_types=("text",)), ONE_GPU, "gpu", ("text",)),
        (Settings(capability="gpu"), NO_GPU, "gpu", ("audio", "video", "image")),
        (Settings(capability="cpu"), ONE_GPU, "cpu", ("document", "web", "text")),
        (Settings(capability="cpu", content_types=("audio",)), NO_GPU, "cpu", ("audio",)),
        (Settings(capability="hybrid"), ONE_GPU, "hybrid", EVERY),
    ],
)
def test_what_a_box_is_for_follows_its_gpus_unless_it_is_told(
    settings: Settings, hardware: Hardware, capability: str, types: tuple[str, ...]
) -> None:
    assert capability_on(settings, hardware) == capability
    assert announced_types(settings, hardware, EVERY) == types


def test_what_the_capability_leaves_out_is_told_with_how_to_take_it() -> None:
    possible = ("audio", "text")

    assert types_told(Settings(capability="cpu"), NO_GPU, possible) == {
        "capability": "cpu",
        "takes": "text",
        "cannot_take": "document,web",
        "leaves_out": "audio",
        "to_take_all": "--content-types audio,text",
    }
    only_text = Settings(content_types=("text",))
    assert types_told(only_text, ONE_GPU, possible).keys() == {"capability", "takes"}
    assert types_told(Settings(capability="hybrid"), ONE_GPU, EVERY) == {
        "capability": "hybrid",
        "takes": ",".join(EVERY),
    }


def test_a_reserve_may_be_nothing_and_a_largest_file_may_not() -> None:
    none = load(environ={"MORAG_AGENT_SPOOL_RESERVE": "0"}).settings

    assert none.spool_reserve == 0
    assert written_with(none, "spool.reserve") == 0
    with pytest.raises(ConfigError, match=r"limits\.max_file_size: '0' .* above 0"):
        load(environ={"MORAG_AGENT_MAX_FILE_SIZE": "0"})


def written_with(settings: Settings, place: str) -> object:
    (value,) = (value for row, value in effective(settings) if row.key.at == place)
    return value


def test_the_capabilities_share_out_all_content_types() -> None:
    assert by_capability("gpu") == ("audio", "video", "image")
    assert by_capability("cpu") == ("document", "web", "text")
    assert by_capability("hybrid") == known_content_types


@pytest.mark.parametrize(
    ("settings", "hardware", "slots"),
    [
        (Settings(slots=5), box(memory_gib=1), 5),
        (Settings(), box(memory_gib=64, gpus=1), 1),
        (Settings(), box(memory_gib=64, gpus=4), 4),
        (Settings(gpu=False), box(memory_gib=64, gpus=4), 2),
        (Settings(), box(memory_gib=8), 2),
        (Settings(), box(memory_gib=7), 1),
    ],
)
def test_slots_follow_gpus_and_memory(settings: Settings, hardware: Hardware, slots: int) -> None:
    assert slots_on(settings, hardware) == slots


def test_children_keep_off_a_gpu_that_is_switched_off() -> None:
    assert pipeline_settings(Settings(gpu=False)).device == "cpu"
    assert pipeline_settings(Settings(gpu=True)).device == "auto"
    assert pipeline_settings(Settings(gpu_require=True)).device == "cuda"
    assert pipeline_settings(Settings(models_folder=Path("/m"))).models_folder == "/m"


def test_the_default_agent_id_is_a_valid_name() -> None:
    environ = {"MORAG_AGENT_ID": Settings().agent_id}

    assert load(environ=environ).settings.agent_id == Settings().agent_id


def test_the_example_is_toml_with_one_table_for_each_section() -> None:
    assert tomllib.loads(example()).keys() == {row.section for row in rows().values()}


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("SERVER_URL", "https://user:pass@morag.example.org"),
        ("SERVER_URL", "https://morag.example.org/?key=1"),
        ("SERVER_URL", "http://morag.example.org:0"),
        ("SERVER_URL", "morag.example.org"),
        ("MAX_FILE_SIZE", "10XB"),
        ("LABELS", "site"),
        ("ID", "a b"),
        ("SLOTS", "0"),
        ("GPU", "perhaps"),
        ("SPOOL", "  "),
        ("EXIT_WHEN_IDLE", "inf"),
        ("QUEUES", ","),
    ],
)
def test_values_that_cannot_be_meant_are_refused(variable: str, text: str) -> None:
    name = f"MORAG_AGENT_{variable}"

    with pytest.raises(ConfigError, match=rf"\({name}\) is wrong: it must be "):
        load(environ={name: text})


@pytest.mark.parametrize("text", ["on", "true", "1", "YES"])
def test_a_switch_may_be_written_in_many_ways(text: str) -> None:
    assert load(environ={"MORAG_AGENT_ALLOW_DOWNLOAD": text}).settings.allow_download is True


def test_auto_means_what_the_box_allows() -> None:
    environ = {"MORAG_AGENT_SLOTS": "auto", "MORAG_AGENT_CONTENT_TYPES": "auto"}

    settings = load(environ=environ).settings

    assert (settings.slots, settings.content_types) == (None, None)


def test_a_file_that_is_a_folder_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read the configuration file"):
        load(environ={}, file=tmp_path)


def test_an_unknown_key_without_a_likely_neighbour_is_told_alone(file: Path) -> None:
    assert problems_of(file, "[agent]\nxyzzy = 1") == [
        "FILE: agent.xyzzy: there is no such setting"
    ]


def test_the_owners_wishes_as_a_guest_reach_the_keepers(file: Path) -> None:
    file.write_text(
        """
        [gpu]
        max_temperature_c = 78
        max_power_w = 250
        [guest]
        yield = "when_idle"
        idle_min = 5
        memory_gb = 0.5
        utilisation_percent = 30
        programs = ["blender*"]
        ignore = []
        quiet_s = 90
        hand_back_after_s = 120
        on_battery = "work"
        """
    )
    settings = load(environ={}, file=file).settings

    assert guest_policy(settings) == GuestPolicy(
        mode=Mode.WHEN_IDLE,
        idle=Seconds(300.0),
        memory=Bytes(500_000_000),
        utilisation_percent=30,
        programs=("blender*",),
        ignore=(),
        quiet=Seconds(90.0),
        hand_back_after=Seconds(120.0),
    )
    assert power_policy(settings) == PowerPolicy(
        max_temperature_c=78, max_watts=250, works_on_battery=True
    )


@pytest.mark.parametrize(
    "name", ["Xorg", "gnome-shell", "kwin_wayland", "plasmashell", "xdg-desktop-portal-gnome"]
)
def test_a_desktop_is_not_taken_for_another_program(name: str) -> None:
    assert matches(name, Settings().guest_ignore)


@pytest.mark.parametrize("name", ["firefox", "game.exe", "python3", "Xorg-like-game", "steam"])
def test_what_may_well_want_the_gpu_is(name: str) -> None:
    assert not matches(name, Settings().guest_ignore)


def test_a_gpu_cannot_be_required_and_switched_off(file: Path) -> None:
    assert problems_of(file, "[gpu]\nenabled = false\nrequire = true") == [
        "gpu.require: on is wrong: it must be off where gpu.enabled is off"
    ]


def test_a_gpu_cannot_be_required_where_the_processor_is_to_compute(file: Path) -> None:
    assert problems_of(file, '[gpu]\nrequire = true\n[speech]\ndevice = "cpu"') == [
        "gpu.require: on is wrong: it must be off where speech.device is cpu"
    ]
    file.write_text('[gpu]\nrequire = true\n[speech]\ndevice = "cuda"')
    assert load(environ={}, file=file).settings.gpu_require


@pytest.mark.parametrize(
    ("variable", "text"),
    [
        ("YIELD", "sometimes"),
        ("GUEST_UTILISATION_PERCENT", "0"),
        ("GUEST_MEMORY_GB", "-1"),
        ("GPU_MAX_TEMPERATURE_C", "300"),
        ("GPU_MAX_POWER_W", "0"),
        ("GUEST_ON_BATTERY", "perhaps"),
        ("WEDGE_S", "1"),
        ("WATCH_PORT", "70000"),
        ("LEDGER_KEEP_DAYS", "0"),
    ],
)
def test_wishes_that_cannot_be_meant_are_refused(variable: str, text: str) -> None:
    with pytest.raises(ConfigError, match=rf"\(MORAG_AGENT_{variable}\) is wrong"):
        load(environ={f"MORAG_AGENT_{variable}": text})


def test_hours_rates_and_quotas_say_what_is_wrong_within_them(file: Path) -> None:
    text = '[schedule]\nquiet = "mon-fry 22:00-07:00"\n[network]\nmax_download = "2 MB"\n'

    assert problems_of(file, text) == [
        wrong(
            "schedule.quiet",
            "'mon-fry 22:00-07:00'",
            'days with hours, such as "mon-fri 22:00-07:00; sat,sun all day", or empty',
        ).replace("is wrong: ", 'is wrong: "fry" is no day of the week; '),
        wrong(
            "network.max_download",
            "'2 MB'",
            'a rate such as "2 MB/s" (bytes) or "16 Mbit/s" (bits), at least 1 KiB/s',
        ).replace("is wrong: ", 'is wrong: "2 MB" is no rate; '),
    ]


def test_a_time_zone_that_is_not_installed_is_named(file: Path) -> None:
    (problem,) = problems_of(file, '[schedule]\ntimezone = "Europe/Berlim"\n')

    assert 'no time zone "Europe/Berlim" is installed on this box' in problem


@pytest.mark.parametrize(
    ("written", "shown"),
    [("16 Mbit/s", "2MB/s"), ("2 MiB/s", "2097152B/s"), ("3 KiB/s", "3072B/s")],
)
def test_a_rate_is_shown_so_that_it_can_be_pasted(file: Path, written: str, shown: str) -> None:
    file.write_text(f'[network]\nmax_upload = "{written}"\n')
    settings = load(environ={}, file=file).settings
    told = {row.name: value for row, value in effective(settings)}["max_upload"]

    assert told == shown
    file.write_text(f'[network]\nmax_upload = "{shown}"\n')
    assert load(environ={}, file=file).settings == settings


def test_hours_and_quotas_become_what_the_loops_decide_with(file: Path) -> None:
    text = '[schedule]\nquiet = "23:00-07:00"\n[network]\nquota_daily = "20 GB, 5 GB up"\n'
    file.write_text(text)
    settings = load(environ={}, file=file).settings

    schedule = schedule_of(settings)
    assert (schedule.compute, schedule.network) == (None, None)
    assert schedule.quiet is not None
    assert len(schedule.quiet.spans) == 7
    assert quotas_of(settings) == Quotas(
        daily=Quota(both=Bytes(20 * 10**9), up=Bytes(5 * 10**9)), monthly=Quota()
    )


def test_an_empty_token_file_is_none_for_a_morag_and_a_mistake_for_others(tmp_path: Path) -> None:
    empty, gone = tmp_path / "empty", tmp_path / "gone"
    empty.touch()

    assert agent_token_if_any(Settings(server_dialect="morag", token_file=empty)) is None
    for settings in (
        Settings(server_dialect="native", token_file=empty),
        Settings(server_dialect="auto", token_file=empty),
        Settings(server_dialect="morag", token_file=gone),
    ):
        with pytest.raises(ConfigError):
            agent_token_if_any(settings)
