from pathlib import Path

import pytest

from agent.cli.installing.plan import Site
from agent.cli.installing.quadlet import quadlet_plan
from tests.cli.installing.sites import HOME, golden, owner, site

KNOWN = {
    "Container": {
        *("AddDevice", "ContainerName", "DropCapability", "Environment", "HealthCmd"),
        *("HealthInterval", "HealthStartPeriod", "HealthTimeout", "Image", "Network"),
        *("NoNewPrivileges", "PidsLimit", "PodmanArgs", "ReadOnly", "Secret"),
        *("SecurityLabelDisable", "Tmpfs", "UserNS", "Volume"),
    },
    "Volume": {"VolumeName"},
}
"""Keys that podman 4.7 has: an unknown one keeps the whole service from existing."""


@pytest.mark.parametrize(
    ("made", "name", "folder"),
    [
        (site(), "system.container", "/etc/containers/systemd"),
        (owner(), "user.container", "/home/ada lovelace/.config/containers/systemd"),
    ],
)
def test_the_container_is_this(made: Site, name: str, folder: str) -> None:
    plan = quadlet_plan(made, HOME / ".config")

    assert plan.sheets[0].name == "morag-agent.container"
    assert plan.sheets[0].text == golden(name)
    assert plan.folder == Path(folder)


def test_models_lie_in_a_volume_unless_they_have_a_folder() -> None:
    with_volume = [sheet.name for sheet in quadlet_plan(site(), HOME).sheets]
    with_folder = [sheet.name for sheet in quadlet_plan(owner(), HOME).sheets]

    assert with_volume[1:] == ["morag-agent.volume", "morag-agent-models.volume"]
    assert with_folder[1:] == ["morag-agent.volume"]


@pytest.mark.parametrize("made", [site(), owner()])
def test_podman_knows_every_key(made: Site) -> None:
    section = ""
    for sheet in quadlet_plan(made, HOME).sheets:
        for line in filter(None, sheet.text.splitlines()):
            if line.startswith("["):
                section = line.strip("[]")
            elif section in KNOWN and not line.startswith("#"):
                assert line.split("=")[0] in KNOWN[section]


def test_the_secret_is_made_from_the_file_that_is_named() -> None:
    commands = quadlet_plan(owner(), HOME).commands

    assert commands[0] == "podman secret create morag-agent-token '/home/ada lovelace/to$ken'"
    assert "loginctl enable-linger" in " ".join(commands)


def test_without_a_token_nothing_is_said_of_one() -> None:
    plan = quadlet_plan(site(token_file=None), HOME)

    assert not [text for text in (plan.sheets[0].text, *plan.commands) if "token" in text.lower()]
