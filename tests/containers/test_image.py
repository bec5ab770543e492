"""The image as an owner runs it: locked in, and at work all the same."""

import re
import time

import pytest

from tests.containers.podman import Podman
from tests.containers.yard import Yard
from tests.speech import FOX, SHIP, say, word_error_rate

pytestmark = [pytest.mark.containers, pytest.mark.timeout(900)]

GRACE = 10.0
"""Seconds that `podman stop` gives before it kills."""
MOST = 900 * 10**6
"""Bytes of the image for speech on a processor, a Whisper model and the base image included."""


def test_the_image_is_small_and_says_how_it_wants_to_be_run(
    podman: Podman, image: str, capsys: pytest.CaptureFixture[str]
) -> None:
    found = podman.inspect(image)
    config = found["Config"]

    with capsys.disabled():
        print(f"\nthe image without torch: {found['Size'] / 1e6:.0f} MB")
    assert found["Size"] < MOST
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] in {"SIGTERM", "15"}
    assert config["Entrypoint"][0].endswith("tini")
    assert set(config["Volumes"]) == {"/var/lib/agent", "/models"}
    assert config["Labels"]["org.morag.agent.variant"] == "cpu"
    assert found["Healthcheck"]["Test"][0] == "CMD"


def test_nothing_in_the_image_installs_or_builds(yard: Yard) -> None:
    tools = "pip pip3 gcc cc make git"
    command = f"for tool in {tools}; do command -v $tool; done; ls /src /root/.cache; true"

    found = yard.podman(
        "run", "--rm", "--network=none", "--entrypoint=sh", yard.image, "-c", command
    )

    assert found.stdout == ""


def test_bytecode_is_in_the_image_and_never_compared_with_its_source(yard: Yard) -> None:
    code = (
        "import agent.cli.run, httpx, pathlib\n"
        "for module in (agent.cli.run, httpx):\n"
        "    print(pathlib.Path(module.__cached__).read_bytes()[4])"
    )

    found = yard.podman(
        *("run", "--rm", "--network=none", "--entrypoint=python3", yard.image, "-c", code)
    )

    assert found.stdout.split() == ["1", "1"]


def test_speech_becomes_text_in_a_container_that_may_do_nothing_else(yard: Yard) -> None:
    say(SHIP, yard.folder / "ship.wav")
    server = yard.serve()
    yard.agent(server)

    results = ("--wait", "--out", "results")
    yard.inside(server, "submit", "/sent/ship.wav", *yard.client, *results)

    heard = yard.podman("exec", server, "cat", "results/transcript.txt").stdout
    assert word_error_rate(SHIP, heard) < 0.2


@pytest.fixture
def idle(yard: Yard) -> tuple[Yard, str]:
    agent = yard.agent(yard.serve())
    yard.wait_for(agent, "hello.answered")
    return yard, agent


def test_the_agent_has_no_rights_no_network_and_nowhere_to_write(idle: tuple[Yard, str]) -> None:
    yard, agent = idle

    def seen(command: str) -> str:
        return yard.podman("exec", agent, "sh", "-c", command, check=False).stdout

    status = dict(re.findall(r"^(\w+):\s+(.*)$", seen("cat /proc/1/status"), re.MULTILINE))
    assert status["Uid"].split()[0] == "10001"
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert (status["NoNewPrivs"], status["Seccomp"]) == ("1", "2")
    assert re.findall(r"(\w+):", seen("cat /proc/net/dev")) == ["lo"]
    folders = "/ /usr /opt/agent /opt/morag /etc /home"
    assert seen(f"for it in {folders}; do touch $it/x 2>/dev/null && echo $it; done") == ""
    assert seen("touch /tmp/x /var/lib/agent/x && echo yes") == "yes\n"
    assert yard.podman.inspect(agent)["HostConfig"]["PidsLimit"] == 128


def test_the_health_check_is_content_with_it(idle: tuple[Yard, str]) -> None:
    yard, agent = idle

    # By hand: the timer for it belongs to systemd, which is not everywhere.
    assert yard.podman("healthcheck", "run", agent, check=False).returncode == 0


def test_podman_stop_hands_the_job_back_within_ten_seconds(
    yard: Yard, capsys: pytest.CaptureFixture[str]
) -> None:
    say(" ".join([FOX, SHIP] * 20), yard.folder / "long.wav")
    server = yard.serve()
    agent = yard.agent(server)
    job_id = yard.submit(server, "long.wav")
    yard.wait_for(agent, '"stage": "processing"')
    started = time.monotonic()

    yard.podman("stop", agent)

    took = time.monotonic() - started
    with capsys.disabled():
        print(f"\npodman stop took {took:.1f} s")
    assert took < GRACE
    assert yard.podman.inspect(agent)["State"]["ExitCode"] == 0, yard.said(agent)
    job = yard.job(server, job_id)
    assert (job["state"], job["attempts"][-1]["outcome"]) == ("queued", "released")


def test_a_gpu_image_that_was_given_no_gpu_says_so(yard: Yard) -> None:
    # Podman before 5 takes this and does nothing; later ones refuse it where there is no GPU.
    asked = ("--gpus=all",) if yard.podman.major < 5 else ()
    options = ("--network=none", "--env=MORAG_AGENT_TOKEN=none", *asked)

    agent = yard.start("agent", "run", options=(*options, "--env=MORAG_AGENT_VARIANT=cuda"))

    yard.wait_for(agent, "no GPU was passed into this container")
    assert "--device nvidia.com/gpu=all" in yard.said(agent)


def test_a_container_without_a_token_says_what_is_missing(yard: Yard) -> None:
    agent = yard.start("agent", "run", options=("--network=none",))

    assert yard.podman("wait", agent).stdout.strip() == "78"
    assert "the token file /etc/morag-agent/token is empty" in yard.said(agent)
