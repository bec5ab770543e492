import subprocess
import sys

import pytest

HEAVY = ["torch", "whisper", "faster_whisper", "ctranslate2", "av", "cv2", "moviepy", "numpy"]
LOADED = "import sys, importlib; importlib.import_module(sys.argv[1]); print(*sys.modules)"


@pytest.mark.parametrize("module", ["agent.compose.agent", "agent.cli.run", "agent.cli.serving"])
def test_the_agent_process_never_loads_a_heavy_library(module: str) -> None:
    said = subprocess.run(
        [sys.executable, "-c", LOADED, module], capture_output=True, check=True, text=True
    )

    assert not set(said.stdout.split()) & set(HEAVY)


def test_the_agent_process_goes_without_the_command_line_of_httpx() -> None:
    said = subprocess.run(
        [sys.executable, "-c", LOADED, "agent.edges.http"],
        capture_output=True,
        check=True,
        text=True,
    )

    assert not set(said.stdout.split()) & {"click", "rich", "pygments"}


@pytest.mark.parametrize("floor", ["agent.model", "agent.core"])
def test_decisions_load_nothing_that_touches_the_world(floor: str) -> None:
    names = {"agent.model": "errors", "agent.core": "lease_keeper"}

    said = subprocess.run(
        [sys.executable, "-c", LOADED, f"{floor}.{names[floor]}"],
        capture_output=True,
        check=True,
        text=True,
    )

    assert not set(said.stdout.split()) & {"asyncio", "httpx", "structlog", "agent.ports"}
