import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.cli.installing.compose_file import compose_plan
from agent.cli.installing.plan import HEALTH, Site
from tests.cli.installing.sites import HOME, TOLD, golden, owner, site

ROOT = Path(__file__).parents[3]


def document(made: Site) -> Any:
    """As compose reads it."""
    (sheet,) = compose_plan(made, HOME).sheets
    return yaml.safe_load(sheet.text.replace("$$", "$"))


def test_the_file_is_this() -> None:
    (sheet,) = compose_plan(site(), HOME).sheets

    assert sheet.name == "compose.yaml"
    assert sheet.text == golden("compose.yaml")


def test_it_means_what_was_meant() -> None:
    made = document(owner())

    agent = made["services"]["agent"]
    assert agent["environment"] == TOLD
    assert agent["network_mode"] == "host"
    assert "deploy" not in agent
    assert "/home/ada lovelace/models:/models" in agent["volumes"]
    assert made["secrets"]["morag-agent-token"]["file"] == "/home/ada lovelace/to$ken"
    assert set(made["volumes"]) == {"morag-agent"}


@pytest.mark.parametrize("made", [site(), owner()])
def test_the_container_is_locked_in(made: Site) -> None:
    agent = document(made)["services"]["agent"]

    assert agent["read_only"] is True
    assert agent["cap_drop"] == ["ALL"]
    assert agent["security_opt"] == ["no-new-privileges:true"]
    assert isinstance(agent["pids_limit"], int)
    assert "privileged" not in agent


def test_a_gpu_is_asked_for_as_docker_wants_it() -> None:
    (device,) = document(site())["services"]["agent"]["deploy"]["resources"]["reservations"][
        "devices"
    ]

    assert device == {"driver": "nvidia", "count": "all", "capabilities": ["gpu"]}


def test_who_may_read_the_token_is_told() -> None:
    told = compose_plan(owner(), HOME).remarks

    assert any("sudo chown 10001 '/home/ada lovelace/to$ken'" in remark for remark in told)


def test_the_image_has_the_same_health_check() -> None:
    text = (ROOT / "Containerfile").read_text().replace("\\\n", "")
    (words,) = re.findall(r"^HEALTHCHECK .*CMD \[(.*)\]$", text, re.MULTILINE)

    assert tuple(re.findall(r'"([^"]*)"', words)) == HEALTH


def test_without_a_token_nothing_is_said_of_one() -> None:
    plan = compose_plan(site(token_file=None, has_gpu=False), HOME)

    document = yaml.safe_load(plan.sheets[0].text)
    assert "secrets" not in document
    assert document["services"]["agent"]["secrets"] == []
    assert plan.remarks == ()
