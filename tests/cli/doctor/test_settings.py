from pathlib import Path

import pytest

from agent.cli.doctor.check import Verdict
from agent.cli.doctor.settings import sense_finding, settings_finding, token_finding
from agent.config import Settings, load
from agent.model.hardware import Gpu, Hardware
from agent.model.ids import Bytes

GIB = 2**30
GPU = Gpu(name="RTX", memory=Bytes(8 * GIB), driver="570")


def box(*, gpus: int = 0, cores: int = 8, free: int = 10**12) -> Hardware:
    return Hardware(
        cpu_cores=cores,
        memory=Bytes(64 * GIB),
        disk_free=Bytes(free),
        gpus=(GPU,) * gpus,
        hostname="attic",
    )


def test_settings_that_fit_are_fine() -> None:
    assert sense_finding(Settings(), box(gpus=1), None).verdict is Verdict.OK


@pytest.mark.parametrize(
    ("settings", "hardware", "container", "words"),
    [
        ({"device": "cuda", "gpu": False}, box(), None, "speech.device is cuda"),
        ({"slots": 4}, box(gpus=1), None, "4 slots share 1 GPU"),
        ({"gpu_memory_limit_gb": 16}, box(gpus=1), None, "a GPU has 8.6 GB"),
        ({"threads": 8, "slots": 2}, box(), None, "of 8 threads run on 8 cores"),
        ({}, box(free=5 * 10**9), None, "5.0 GB are free"),
        ({"stop_grace_s": 30}, box(), "podman", "containers are ended after 10 s"),
        ({"allow_web_fetch": True, "allow_private_addresses": True}, box(), None, "own network"),
        ({"log_file": "/dev/null/agent.log"}, box(), None, "cannot be written"),
    ],
)
def test_each_contradiction_is_told_with_what_to_do(
    settings: dict[str, object], hardware: Hardware, container: str | None, words: str
) -> None:
    found = sense_finding(Settings.model_validate(settings), hardware, container)

    assert found.verdict is Verdict.WARNING
    assert words in found.seen
    assert found.advice


def test_outside_a_container_a_long_grace_is_fine() -> None:
    assert sense_finding(Settings(stop_grace_s=30), box(), None).verdict is Verdict.OK


def test_what_loading_warned_about_is_told_again(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("hush")
    token.chmod(0o644)

    found = settings_finding(load(environ={}, flags={"token_file": token}))

    assert found.verdict is Verdict.WARNING
    assert "others on this machine can read" in found.seen
    assert settings_finding(load(environ={})).verdict is Verdict.OK


def test_a_token_is_needed_and_its_place_is_told(tmp_path: Path) -> None:
    missing = token_finding(Settings(agent_id="attic", server_dialect="native"))
    gone = token_finding(Settings(token_file=tmp_path / "none", agent_id="attic"))
    (tmp_path / "token").write_text("hush")
    there = token_finding(Settings(token_file=tmp_path / "token"))

    assert (missing.verdict, gone.verdict) == (Verdict.ERROR, Verdict.ERROR)
    assert "token create --agent attic" in missing.advice
    assert "token create --agent attic" in gone.advice
    assert (there.verdict, "hush" in there.seen) == (Verdict.OK, False)


def test_a_morag_may_ask_for_no_token(tmp_path: Path) -> None:
    morag = token_finding(Settings(server_dialect="morag"))
    either = token_finding(Settings(server_dialect="auto"))
    gone = token_finding(Settings(server_dialect="morag", token_file=tmp_path / "none"))

    assert morag.verdict is Verdict.NOT_APPLICABLE
    assert either.verdict is Verdict.UNKNOWN
    assert "token create" in either.advice
    assert "server.dialect" in either.advice
    assert gone.verdict is Verdict.ERROR
