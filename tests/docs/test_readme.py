"""What the README tells people to type is there, and does what it says."""

import re
import shlex
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.cli.parsing import top_parser, verb_parser
from agent.cli.verbs import VERBS
from agent.config.image import VARIANT_ENV
from agent.config.sources import CONFIG_ENV
from agent.config.table import rows

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def commands() -> list[list[str]]:
    """Every call of the agent, in code blocks and in the text."""
    lines = "\n".join(blocks("sh")).replace("\\\n", " ").splitlines()
    lines += re.findall(r"`(python -m agent [^`]*)`", README)
    found = [line.split("#")[0].split(" &")[0] for line in lines if "python -m agent" in line]
    return [shlex.split(line.replace("$(hostname -s)", "attic"))[3:] for line in found]


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_every_command_is_understood(words: list[str]) -> None:
    verb = top_parser().parse_args(words[:1]).verb

    verb_parser(VERBS[verb]).parse_args(words[1:])


def test_there_are_commands_to_check() -> None:
    assert {words[0] for words in commands()} >= {"serve", "run", "submit", "token", "doctor"}


@pytest.mark.parametrize("verb", sorted(set(re.findall(r"make ([a-z]+)", README))))
def test_every_make_verb_exists(verb: str) -> None:
    assert re.search(rf"^{verb}:", (ROOT / "Makefile").read_text(), re.MULTILINE)


@pytest.mark.parametrize("link", re.findall(r"\]\((?!http)([^)#]+)\)", README))
def test_every_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


@pytest.mark.real_time
async def test_the_mounted_server_answers_below_its_prefix(tmp_path: Path) -> None:
    (code,) = blocks("python")
    made: dict[str, Any] = {}
    exec(code.replace("/var/lib/morag-jobs", str(tmp_path / "jobs")), made)  # noqa: S102

    app = made["app"]
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://morag") as client,
    ):
        answer = await client.get("/gpu/healthz")

    assert answer.json()["status"] == "ok"


PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_variable_that_a_page_names_is_read(page: Path) -> None:
    named = set(re.findall(r"MORAG_AGENT_[A-Z_]*[A-Z]", page.read_text(encoding="utf-8")))

    assert named <= {row.env for row in rows().values()} | {CONFIG_ENV, VARIANT_ENV}
