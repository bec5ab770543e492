"""What the page for people who come from MoRAG promises is so."""

import re
import shlex
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI

from agent.cli.parsing import top_parser, verb_parser
from agent.cli.verbs import VERBS
from agent.config import Settings, converter
from agent.config.table import rows
from agent.core.claim_fate import FIRST_PAUSE, LONGEST_PAUSE, MOST_ATTEMPTS
from agent.core.poll_pace import BRISK, IDLE, JITTER
from agent.edges.morag.calls import CLAIM_PATIENCE
from agent.runtime.morag.offering import LEASE_TTL
from agent.wire.morag import JOBS
from agent.wire.routes import AGENTS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "morag.md").read_text(encoding="utf-8")
RECORD = (DOCS / "decisions" / "018-the-morag-dialect.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    (code,) = re.findall(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    return str(code)


def commands() -> list[list[str]]:
    lines = "\n".join(re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)).splitlines()
    lines += re.findall(r"`(python -m agent [^`]*)`", PAGE)
    return [shlex.split(line)[3:] for line in lines if line.startswith("python -m agent")]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_is_understood(words: list[str]) -> None:
    verb = top_parser().parse_args(words[:1]).verb

    verb_parser(VERBS[verb]).parse_args(words[1:])


def test_there_are_commands_to_check() -> None:
    assert {words[0] for words in commands()} >= {"config", "doctor", "run", "drain", "install"}


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)]+)\)", PAGE))
def test_every_link_leads_somewhere(link: str) -> None:
    file, _, place = link.partition("#")

    assert not file or (DOCS / file).exists()
    if place:
        headings = re.findall(r"^#+ (.*)$", PAGE, re.MULTILINE)
        assert place in {re.sub(r"[^\w -]", "", one).lower().replace(" ", "-") for one in headings}


@pytest.mark.parametrize("was", converter.SETTINGS, ids=lambda was: was.env)
def test_each_name_of_the_converter_stands_there_with_the_setting_that_it_becomes(
    was: converter.Was,
) -> None:
    (line,) = [
        line for line in PAGE.splitlines() if line.startswith("|") and f"`{was.env}`" in line
    ]

    _, names, key, becomes, _ = line.split("|")
    assert f"`{was.env}`" in names
    assert key.strip() == (f"`{was.key}`" if was.key else "")
    assert becomes.strip().startswith(f"`{rows()[was.setting].key.at}`")


def test_each_setting_for_such_a_server_stands_there_with_its_default() -> None:
    table = re.findall(r"^\| `([a-z_.]+)` \| `([^`]+)` \|", PAGE, re.MULTILINE)
    places = {row.key.at: name for name, row in rows().items()}

    assert {at for at, _ in table} >= {"server.dialect", "server.key_form"}
    for at, default in table:
        told = Settings.model_validate({places[at]: default})
        assert getattr(told, places[at]) == getattr(Settings(), places[at]), at


def test_the_paces_are_those_of_the_agent() -> None:
    assert f"While jobs come it is {BRISK:g} s" in PAGE
    assert f"{3600 / IDLE:.0f} an hour" in PAGE
    brisk, idle = (pace / 2 * (1 + JITTER**2 / 3) for pace in (BRISK, IDLE))
    assert f"{brisk:.1f} s on average while jobs come, {idle:.1f} s after" in PAGE


def test_the_three_lines_mount_the_remote_jobs(monkeypatch: pytest.MonkeyPatch) -> None:
    jobs = APIRouter(prefix=JOBS)
    jobs.add_api_route("/poll", lambda: None)
    for name, member in (
        ("morag", {}),
        ("morag.endpoints", {}),
        ("morag.endpoints.remote_jobs", {"router": jobs}),
        ("morag.server", {"create_app": FastAPI}),
    ):
        module = ModuleType(name)
        module.__dict__.update(member)
        monkeypatch.setitem(sys.modules, name, module)
    made: dict[str, Any] = {}

    exec(block("python"), made)  # noqa: S102

    assert f"{JOBS}/poll" in made["app"].openapi()["paths"]


def test_the_proxy_waits_for_as_long_as_the_agent_does() -> None:
    proxy = block("nginx")
    (seconds,) = re.findall(r"proxy_read_timeout (\d+)s;", proxy)

    assert f"location {JOBS}/" in proxy
    assert int(seconds) >= Settings().result_timeout_min * 60


def test_the_record_tells_the_figures_that_hold() -> None:
    assert (MOST_ATTEMPTS, CLAIM_PATIENCE, LEASE_TTL) == (3, 600.0, 86_400.0)
    assert (FIRST_PAUSE, LONGEST_PAUSE, AGENTS) == (30.0, 3600.0, "/v1/agents")
    assert "Three attempts" in RECORD
    assert "after as long as an ingestion may take, 30 min" in RECORD
